using System.Buffers;
using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using SmtpShield.Mta;
using SmtpShield.Transport;

namespace SmtpShield.Tests.Mta;

/// <summary>
/// A network without sockets: what an address answers is scripted, and everything runs inline, so that a dial has come as far as it can when
/// the call that moved it returns.
/// </summary>
internal sealed class ScriptedTransport : IUpstreamTransport
{
    private readonly Dictionary<string, Func<CancellationToken, ValueTask<ConnectionContext>>> _scripts = [];

    /// <summary>The addresses of host names; a name without an entry is not found.</summary>
    public Dictionary<string, IPAddress[]> Names { get; } = [];

    /// <summary>Answers in place of <see cref="Names"/>.</summary>
    public Func<string, Task<IPAddress[]>>? Resolver { get; set; }

    /// <summary>How often a name was looked up.</summary>
    public int LookUps { get; private set; }

    /// <summary>The end points connected to, in order.</summary>
    public ConcurrentQueue<string> Attempts { get; } = [];

    /// <summary>The addresses connected from, as many as <see cref="Attempts"/>; null is the host's own.</summary>
    public ConcurrentQueue<IPAddress?> Sources { get; } = [];

    /// <summary>The connections made, in order.</summary>
    public ConcurrentQueue<InMemoryConnection> Connections { get; } = [];

    /// <summary>The address answers with these bytes and then says nothing.</summary>
    public void Says(string endpoint, string greeting) => _scripts[endpoint] = _ => new(Connect(greeting, close: false));

    /// <summary>The address answers with these bytes and closes.</summary>
    public void SaysAndCloses(string endpoint, string greeting) => _scripts[endpoint] = _ => new(Connect(greeting, close: true));

    /// <summary>
    /// The address plays a dialogue: <c>S:</c> lines are said, <c>C:</c> lines must come next, to the octet. Behind the last one it says nothing.
    /// </summary>
    /// <param name="endpoint">The address.</param>
    /// <param name="byOctets">Whether each octet is said on its own.</param>
    /// <param name="lines">The dialogue; a line ends in CR LF. <c>S&gt;</c> and <c>C&gt;</c> have octets as they are; more may
    /// follow those that must come.</param>
    public void Plays(string endpoint, bool byOctets, params string[] lines) => _scripts[endpoint] = _ =>
    {
        var connection = Connect("", close: false);
        connection.Play(lines, byOctets);
        return new(connection);
    };

    /// <summary>Connecting fails at once.</summary>
    public void Fails(string endpoint, SocketError error) => _scripts[endpoint] = _ => throw new SocketException((int)error);

    /// <summary>Connecting throws what nobody expects.</summary>
    public void Throws(string endpoint, Exception exception) => _scripts[endpoint] = _ => throw exception;

    /// <summary>Connecting from another host's address is not permitted.</summary>
    public void FailsTransparently(string endpoint) => _scripts[endpoint] = _ =>
        throw new TransparentSocketException(SocketError.AccessDenied, "Operation not permitted; needs CAP_NET_ADMIN");

    /// <summary>Connecting never ends.</summary>
    public void Hangs(string endpoint) => _scripts[endpoint] = async cancellationToken =>
    {
        await using var registered = cancellationToken.UnsafeRegister(static _ => { }, null);
        var never = new TaskCompletionSource();
        await using (cancellationToken.UnsafeRegister(static (never, token) => ((TaskCompletionSource)never!).TrySetCanceled(token), never))
            await never.Task;
        throw new InvalidOperationException();
    };

    public ValueTask<IPAddress[]> ResolveAsync(string host, CancellationToken cancellationToken)
    {
        LookUps++;
        if (Resolver is not null)
            return new(Resolver(host));
        return Names.TryGetValue(host, out var addresses) ? new(addresses) : throw new SocketException((int)SocketError.HostNotFound);
    }

    public ValueTask<ConnectionContext> ConnectAsync(
        IPEndPoint endpoint, IPAddress? source, IConnectedSocket? beside, CancellationToken cancellationToken)
    {
        Attempts.Enqueue(endpoint.ToString());
        Sources.Enqueue(source);
        return _scripts[endpoint.ToString()](cancellationToken);
    }

    private InMemoryConnection Connect(string greeting, bool close)
    {
        var connection = new InMemoryConnection();
        Connections.Enqueue(connection);
        connection.Say(greeting, close);
        return connection;
    }
}

/// <summary>A connection over pipes; knows whether it was disposed.</summary>
internal sealed class InMemoryConnection : DefaultConnectionContext
{
    private static readonly PipeOptions Inline = new(readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline,
        pauseWriterThreshold: 0, useSynchronizationContext: false);
    private readonly Pipe _fromMta = new(Inline);
    private readonly Pipe _toMta = new(Inline);
    private readonly System.Text.StringBuilder _received = new();

    public InMemoryConnection()
    {
        Transport = new Duplex(_fromMta.Reader, _toMta.Writer);
        LocalEndPoint = new IPEndPoint(IPAddress.Loopback, 50000);
        RemoteEndPoint = new IPEndPoint(IPAddress.Loopback, 25);
    }

    /// <summary>What the dialogue met instead of what it has; null as long as all is well.</summary>
    public string? Mismatch { get; private set; }

    /// <summary>All the MTA has been told, one character an octet.</summary>
    public string Received
    {
        get
        {
            TakeIn();
            return _received.ToString();
        }
    }

    public int Disposals { get; private set; }

    public void Say(string text, bool close = false)
    {
        _fromMta.Writer.Write(System.Text.Encoding.Latin1.GetBytes(text));
        _ = _fromMta.Writer.FlushAsync().AsTask();
        if (close)
            _fromMta.Writer.Complete();
    }

    public void Play(string[] lines, bool byOctets) => _ = PlayAsync(lines, byOctets);

    public override ValueTask DisposeAsync()
    {
        Disposals++;
        return base.DisposeAsync();
    }

    private bool IsPlaying { get; set; }

    private async Task PlayAsync(string[] lines, bool byOctets)
    {
        var heard = 0;
        foreach (var line in lines)
        {
            var text = line[1] == ':' ? line[3..] + "\r\n" : line[2..];
            if (line[0] == 'S')
            {
                foreach (var part in byOctets ? text.Select(static octet => octet.ToString()) : [text])
                    Say(part);
                continue;
            }

            IsPlaying = true;
            while (_received.Length < heard + text.Length && await ReceiveAsync())
            {
            }

            IsPlaying = false;

            var came = _received.ToString()[heard..];
            heard += text.Length;
            if (line[1] == '>' ? !came.StartsWith(text, StringComparison.Ordinal) : came != text)
            {
                Mismatch = came;
                return;
            }
        }
    }

    private async Task<bool> ReceiveAsync()
    {
        var result = await _toMta.Reader.ReadAsync();
        Append(result);
        return !result.IsCompleted;
    }

    private void TakeIn()
    {
        if (!IsPlaying && _toMta.Reader.TryRead(out var result))
            Append(result);
    }

    private void Append(ReadResult result)
    {
        _received.Append(System.Text.Encoding.Latin1.GetString(result.Buffer.ToArray()));
        _toMta.Reader.AdvanceTo(result.Buffer.End);
    }

    private sealed record Duplex(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
