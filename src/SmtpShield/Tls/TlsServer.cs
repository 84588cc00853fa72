using System.IO.Pipelines;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Microsoft.Extensions.Logging;
using SmtpShield.Clients;
using SmtpShield.Observe;
using SmtpShield.Options;
using SmtpShield.PostfixConf.Lists;
using SmtpShield.PostfixConf.Values;

namespace SmtpShield.Tls;

/// <summary>Begins TLS with the clients of one service.</summary>
/// <param name="certificates">The service's certificates.</param>
/// <param name="logger">The log.</param>
/// <param name="time">The clock.</param>
internal sealed partial class TlsServer(CertificateStore certificates, ILogger<TlsServer> logger, TimeProvider time)
{
    // What OpenSSL says of octets that are not TLS. .NET sees them first and has words of its own.
    private const string NotTls = "error:0A00010B:SSL routines::wrong version number";

    private const string LibraryFailure = "-1";

    // RFC 7301; the id is IANA's. A client that offers protocols and not this one is refused: it wants to talk to another server than ours.
    private static readonly List<SslApplicationProtocol> Smtp = [new("smtp")];

    private static readonly TimeSpan WarningInterval = TimeSpan.FromMinutes(1);

    // In a warning.
    private const int MostHoldersNamed = 5;

    private readonly HandshakeSlots _slots = new(time);
    private readonly AtMostOnce _limitWarning = new(time, WarningInterval);
    private readonly AtMostOnce _shareWarning = new(time, WarningInterval);

    /// <summary>Handshakes that are under way.</summary>
    public int UnderWay => _slots.Taken;

    /// <summary>Takes the right to begin a handshake, before the client is told to begin.</summary>
    /// <param name="client">Whose handshake.</param>
    /// <param name="most">How many of the client's may be under way whatever its share is, this one included; null: it has no share, as an exempt
    /// client. Asked while no place changes hands.</param>
    /// <param name="options">The session's.</param>
    /// <returns>A slot for <see cref="AcceptAsync"/>, or to be disposed; null when <c>shield_tls_handshake_limit</c> or the client's share of it is reached, or
    /// there is no certificate: reply 454 4.7.0.</returns>
    public HandshakeSlot? TryEnter(ClientRange client, Func<int?> most, TlsOptions options)
    {
        if (certificates.Current.Default is null)
            return null;

        var slot = _slots.TryEnter(client, most, options.HandshakeLimit, out var refusal);
        if (refusal == HandshakeRefusal.LimitReached && _limitWarning.IsDue())
            Log.HandshakeLimitReached(logger, options.HandshakeLimit, _slots.DescribeLargest(MostHoldersNamed));
        else if (refusal == HandshakeRefusal.ShareTaken && _shareWarning.IsDue())
            Log.HandshakeShareTaken(logger, client, _slots.HeldBy(client));
        return slot;
    }

    /// <summary>
    /// Makes the handshake, within <c>smtpd_starttls_timeout</c> and <c>shield_tls_handshake_timeout</c>, or until the place is taken away. Logs how it went.
    /// </summary>
    /// <param name="raw">The connection. Behind a failure it can only be closed.</param>
    /// <param name="client">The client, for log lines.</param>
    /// <param name="options">The session's.</param>
    /// <param name="slot">The right to begin; given back here.</param>
    /// <param name="noteEnd">Told how it went before the place is given back: who asks how many are under way, or were, misses none.</param>
    /// <param name="through">What the log lines about the connection go through, on their way to a logger.</param>
    /// <param name="isCheck">Whether a proxy checks if the shield lives: its leaving without a handshake is not written, nor is its handshake.</param>
    /// <param name="cancellationToken">Ends the handshake.</param>
    /// <exception cref="OperationCanceledException">By the token.</exception>
    public async ValueTask<TlsHandshake> AcceptAsync(
        IDuplexPipe raw, ClientIdentity client, TlsOptions options, HandshakeSlot slot, Action<TlsHandshake> noteEnd, Func<ILogger, ILogger> through,
        bool isCheck, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(
            options.StartTlsTimeout < options.HandshakeTimeout ? options.StartTlsTimeout : options.HandshakeTimeout, time);
        using var giveBack = slot;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        var flight = new ServerFlight();
        var stream = new DuplexPipeStream(raw) { Flight = flight, IsServer = true };
        var tls = new SslStream(stream, leaveInnerStreamOpen: true);
        var choice = new Choice(slot, certificates.Current,
            options.WrapperMode || options.SecurityLevel == TlsSecurityLevel.Encrypt ? options.MandatoryProtocols : options.Protocols);
        try
        {
            if (!slot.TryBegin(deadline))
                await deadline.CancelAsync().ConfigureAwait(false);
            await tls.AuthenticateAsServerAsync(static (_, hello, choice, _) => ((Choice)choice!).MakeAsync(hello.ServerName), choice, either.Token)
                .ConfigureAwait(false);
            stream.Flight = null;
            var facts = TlsFactsReader.Read(tls, flight, choice.Certificate?.Leaf, choice.ServerName);
            if (options.LogLevel > 0 && !isCheck)
                LogEstablished(through(logger), client, facts, choice);
            return Ended(new(new(tls, stream, facts, time), facts.IsResumed));
        }
        catch (Exception exception)
            when (exception is AuthenticationException or IOException or InvalidOperationException or NotSupportedException or OperationCanceledException)
        {
            await tls.DisposeAsync().ConfigureAwait(false);
            if (exception is OperationCanceledException && !deadline.IsCancellationRequested)
                throw;

            LogFailure(through(logger), client.NameAddress, exception, isCheck);
            return Ended(TlsHandshake.Failed(isLeft: flight.HasAnswered || exception is OperationCanceledException));
        }

        TlsHandshake Ended(in TlsHandshake handshake)
        {
            noteEnd(handshake);
            return handshake;
        }
    }

    private static void LogEstablished(ILogger log, ClientIdentity client, TlsFacts facts, Choice choice)
    {
        if (choice.UnknownName is { } name)
            Log.ServerNameUnknown(log, name, client.NameAddress);
        Log.Established(log, client.NameAddress, facts.ServerName is null ? "" : $" to {facts.ServerName}", facts);
    }

    private static void LogFailure(ILogger log, string client, Exception exception, bool isCheck)
    {
        var reason = exception switch
        {
            OperationCanceledException => "Connection timed out",
            AuthenticationException or InvalidOperationException or NotSupportedException => LibraryFailure,
            _ => IsReset(exception) ? "Connection reset by peer" : "lost connection",
        };
        if (isCheck && exception is IOException)
        {
            Log.CheckFailed(log, client, reason);
            return;
        }

        Log.AcceptFailed(log, client, reason);
        if (reason == LibraryFailure)
            Log.LibraryProblem(log, LibraryErrorOf(exception) ?? NotTls);
    }

    private static bool IsReset(Exception? exception) =>
        exception is not null && (exception is SocketException { SocketErrorCode: SocketError.ConnectionReset } || IsReset(exception.InnerException));

    // OpenSSL's text has nothing of the peer's but the number of an alert; escaped all the same.
    private static string? LibraryErrorOf(Exception? exception)
    {
        for (; exception is not null; exception = exception.InnerException)
        {
            if (exception.Message.StartsWith("error:", StringComparison.Ordinal))
                return ClientText.Escape(System.Text.Encoding.UTF8.GetBytes(exception.Message));
        }

        return null;
    }

    // What one handshake uses: all of it from the set of certificates there was when it began.
    private sealed class Choice(HandshakeSlot slot, CertificateSet certificates, TlsVersions versions)
    {
        public ServerCertificate? Certificate { get; private set; }

        public string? ServerName { get; private set; }

        public string? UnknownName { get; private set; }

        // Asked when the whole ClientHello is there.
        public async ValueTask<SslServerAuthenticationOptions> MakeAsync(string? name)
        {
            slot.NoteHello();
            var isName = name is { Length: > 0 } && HostName.IsValid(name);
            var named = isName ? certificates.Find(name!) : null;
            if (named is not null)
                ServerName = name;
            else if (isName && certificates.HasNames)
                UnknownName = name;

            Certificate = named ?? certificates.Default ?? throw new AuthenticationException("There is no certificate.");
            var options = new SslServerAuthenticationOptions
            {
                ServerCertificateContext = Certificate.Context,
                EnabledSslProtocols = certificates.Sessions.Of(versions.Protocols),
                ApplicationProtocols = Smtp,
                AllowRenegotiation = false,
                AllowTlsResume = true,
            };
            await Certificate.Keys.KeepAsync(options).ConfigureAwait(false);
            return options;
        }
    }

    private static partial class Log
    {
        // Event ids 2000 to 2099 are this folder's. Next free: 2006 to 2009, then 2051; certificates have those from 2010 on.

        [LoggerMessage(2000, LogLevel.Information, "Anonymous TLS connection established from {Client}{ToName}: {Facts}")]
        public static partial void Established(ILogger logger, string client, string toName, TlsFacts facts);

        [LoggerMessage(2001, LogLevel.Information, "SSL_accept error from {Client}: {Reason}")]
        public static partial void AcceptFailed(ILogger logger, string client, string reason);

        [LoggerMessage(2002, LogLevel.Warning, "TLS library problem: {Error}")]
        public static partial void LibraryProblem(ILogger logger, string error);

        [LoggerMessage(2003, LogLevel.Information, "TLS SNI {ServerName} from {Client} not matched, using default chain")]
        public static partial void ServerNameUnknown(ILogger logger, string serverName, string client);

        [LoggerMessage(2004, LogLevel.Debug, "SSL_accept error from {Client}: {Reason}")]
        public static partial void CheckFailed(ILogger logger, string client, string reason);

        [LoggerMessage(2005, LogLevel.Warning, "{Limit} TLS handshakes are under way, as many as shield_tls_handshake_limit allows: further ones are refused; "
            + "most are of {Holders}", EventName = "HandshakeLimitReached")]
        public static partial void HandshakeLimitReached(ILogger logger, int limit, string holders);

        [LoggerMessage(2050, LogLevel.Warning, "{Count} TLS handshakes of {Range} are under way: further ones of it are refused until some are over",
            EventName = "HandshakeShareTaken")]
        public static partial void HandshakeShareTaken(ILogger logger, ClientRange range, int count);
    }
}
