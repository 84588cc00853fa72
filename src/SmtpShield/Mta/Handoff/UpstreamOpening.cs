using System.Net;
using Microsoft.AspNetCore.Connections;
using SmtpShield.Options;
using SmtpShield.Protocol;
using SmtpShield.Tls;

namespace SmtpShield.Mta.Handoff;

/// <summary>
/// What happens on a connection to the MTA before the client's own words: PROXY header, TLS at once or by STARTTLS, the greeting, XCLIENT. Each step is there
/// if the service's options ask for it. Bounded by who calls it.
/// </summary>
/// <param name="options">The service's options.</param>
/// <param name="host">The MTA's host as configured, for its certificate.</param>
/// <param name="client">For whom; <see langword="null"/>: for the shield itself, a probe.</param>
/// <param name="tls">The shield's end of TLS with MTAs.</param>
internal sealed class UpstreamOpening(ShieldOptions options, string host, UpstreamClient? client, TlsClient tls)
{
    private UpstreamDialogue? _dialogue;

    /// <summary>What it waits for.</summary>
    public string Awaited => _dialogue?.Awaited ?? "greeting";

    /// <summary>Whether the MTA has said anything: one that does not is full, or its listen queue is.</summary>
    public bool HasHeard { get; private set; }

    /// <summary>Whether QUIT can be said: the MTA has greeted, and does not wait for a handshake.</summary>
    public bool MayQuit { get; private set; }

    /// <summary>TLS with the MTA, as soon as there is some. The caller disposes it before the connection, whatever came of the opening.</summary>
    public TlsTransport? Secured { get; private set; }

    /// <summary>The reply to the client's HELO or EHLO; <see langword="null"/>: there was none to say, or the MTA has refused the session before.</summary>
    public UpstreamReply? HelloReply { get; private set; }

    /// <summary>Whether the MTA knows who the client is, so that what it does from then on may be about this client only.</summary>
    public bool HasNamedClient { get; private set; }

    private ClientHandoff Handoff => options.Upstream.ClientHandoff;

    private UpstreamTlsOptions Tls => options.UpstreamTls;

    // What would be said in clear, or to anybody, with nothing behind it but the greeting.
    private bool RequiresMore => Handoff == ClientHandoff.Xclient || (!Tls.WrapperMode && Tls.SecurityLevel >= UpstreamTlsSecurityLevel.Encrypt);

    private bool StartsTls => !Tls.WrapperMode && Tls.SecurityLevel > UpstreamTlsSecurityLevel.None;

    /// <summary>Takes a connection through all steps.</summary>
    /// <returns>The greeting to show to the client, or else why there is none.</returns>
    public async ValueTask<(UpstreamReply Greeting, string? Failure)> RunAsync(ConnectionContext connection, CancellationToken cancellationToken)
    {
        var dialogue = _dialogue = new UpstreamDialogue(connection.Transport);
        if (ProxyHandoff.Writes(Handoff) && await SendHeaderAsync(connection, cancellationToken) is { } unsent)
            return (default, unsent);
        if (Tls.WrapperMode && await HandshakeAsync(connection, dialogue, cancellationToken) is { } unwrapped)
            return (default, unwrapped);

        var (greeting, failure) = await dialogue.ReadGreetingAsync(cancellationToken);
        if (failure is not null)
            return (default, failure);
        HasHeard = MayQuit = true;
        if (greeting.Code != 220)
        {
            // The MTA does not know the client yet, or has said it in clear, where anybody can: no word for the client.
            return RequiresMore ? (default, $"refused to talk to me: {greeting.FirstLine}") : (greeting, null);
        }

        byte[]? ehlo = null;
        if (StartsTls)
        {
            (ehlo, failure) = await SayHelloAsync(dialogue, cancellationToken);
            if (failure is null && EhloReply.Offers(ehlo, "STARTTLS"u8))
            {
                failure = await StartTlsAsync(connection, dialogue, cancellationToken);
                // What was offered in clear counts no more (RFC 3207 section 4.2).
                ehlo = null;
            }
            else if (failure is null && Tls.SecurityLevel >= UpstreamTlsSecurityLevel.Encrypt)
            {
                failure = "TLS is required, but was not offered";
            }

            if (failure is not null)
                return (default, failure);
        }

        if (Handoff == ClientHandoff.Xclient)
            (greeting, failure) = await TellAsync(dialogue, ehlo, greeting, cancellationToken);
        if (failure is null && greeting.Code == 220 && client is { Hello.IsEmpty: false })
            failure = await SayClientsHelloAsync(dialogue, client.Hello, cancellationToken);
        return failure is null ? (greeting, null) : (default, failure);
    }

    private async ValueTask<string?> SayClientsHelloAsync(UpstreamDialogue dialogue, ReadOnlyMemory<byte> hello, CancellationToken cancellationToken)
    {
        var (reply, failure) = await dialogue.CommandAsync("EHLO", hello, cancellationToken);
        if (failure is null)
            HelloReply = reply;
        return failure;
    }

    private async ValueTask<string?> SendHeaderAsync(ConnectionContext connection, CancellationToken cancellationToken)
    {
        if (client is not null)
            ProxyHandoff.Write(connection.Transport.Output, Handoff, client);
        else if (connection is { LocalEndPoint: IPEndPoint local, RemoteEndPoint: IPEndPoint remote })
            ProxyHandoff.WriteOwn(connection.Transport.Output, Handoff, local, remote);
        else
            return "lost connection";
        await connection.Transport.Output.FlushAsync(cancellationToken);
        return null;
    }

    private async ValueTask<(byte[] Ehlo, string? Failure)> SayHelloAsync(UpstreamDialogue dialogue, CancellationToken cancellationToken)
    {
        var (reply, failure) = await dialogue.CommandAsync("EHLO", $"EHLO {options.Smtpd.MyHostname}", cancellationToken);
        if (failure is not null)
            return ([], failure);
        return reply.Code switch
        {
            250 => (reply.Text, null),
            // An MTA without extensions: it offers nothing.
            >= 500 => ([], null),
            _ => ([], $"refused EHLO: {reply.FirstLine}"),
        };
    }

    private async ValueTask<string?> StartTlsAsync(ConnectionContext connection, UpstreamDialogue dialogue, CancellationToken cancellationToken)
    {
        MayQuit = false;
        var (reply, failure) = await dialogue.CommandAsync("STARTTLS", "STARTTLS", cancellationToken);
        if (failure is not null)
            return failure;
        MayQuit = reply.Code != 220;
        if (MayQuit)
            return $"refused STARTTLS: {reply.FirstLine}";
        return dialogue.HasUnasked ? "sent data in clear behind its reply to STARTTLS" : await HandshakeAsync(connection, dialogue, cancellationToken);
    }

    private async ValueTask<string?> HandshakeAsync(ConnectionContext connection, UpstreamDialogue dialogue, CancellationToken cancellationToken)
    {
        dialogue.Await("TLS handshake");
        var hasGreeted = HasHeard;
        MayQuit = false;
        try
        {
            Secured = await tls.ConnectAsync(connection.Transport, host, options.UpstreamTls, cancellationToken);
        }
        catch (TlsException error)
        {
            return error.Message;
        }

        HasHeard = true;
        MayQuit = hasGreeted;
        dialogue.Transport = Secured;
        dialogue.Await("greeting");
        return null;
    }

    private async ValueTask<(UpstreamReply Greeting, string? Failure)> TellAsync(
        UpstreamDialogue dialogue, byte[]? ehlo, UpstreamReply greeting, CancellationToken cancellationToken)
    {
        string? failure = null;
        if (ehlo is null)
            (ehlo, failure) = await SayHelloAsync(dialogue, cancellationToken);
        if (failure is not null)
            return (default, failure);

        HasNamedClient = client is not null;
        (var known, failure) = await XclientHandoff.RunAsync(dialogue, ehlo, client, cancellationToken);
        return failure is null ? (known ?? greeting, null) : (default, failure);
    }
}
