using System.Buffers;
using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using SmtpShield.Upstream;

namespace SmtpShield.Tests.Upstream;

/// <summary>
/// A network without sockets: what an address answers is scripted, and everything runs inline, so that a dial has come as far as it can when
/// the call that moved it returns.
/// </summary>
internal sealed class ScriptedTransport : IUpstreamTransport
{
    private readonly Dictionary<string, Func<CancellationToken, ValueTask<ConnectionContext>>> _scripts = [];

    /// <summary>The addresses of host names; a name without an entry is not found.</summary>
    public Dictionary<string, IPAddress[]> Names { get; } = [];

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

    /// <summary>Connecting fails at once.</summary>
    public void Fails(string endpoint, SocketError error) => _scripts[endpoint] = _ => throw new SocketException((int)error);

    /// <summary>Connecting never ends.</summary>
    public void Hangs(string endpoint) => _scripts[endpoint] = async cancellationToken =>
    {
        await using var registered = cancellationToken.UnsafeRegister(static _ => { }, null);
        var never = new TaskCompletionSource();
        await using (cancellationToken.UnsafeRegister(static (never, token) => ((TaskCompletionSource)never!).TrySetCanceled(token), never))
            await never.Task;
        throw new InvalidOperationException();
    };

    public ValueTask<IPAddress[]> ResolveAsync(string host, CancellationToken cancellationToken) =>
        Names.TryGetValue(host, out var addresses) ? new(addresses) : throw new SocketException((int)SocketError.HostNotFound);

    public ValueTask<ConnectionContext> ConnectAsync(IPEndPoint endpoint, IPAddress? source, CancellationToken cancellationToken)
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

/// <summary>A connection over pipes; knows whether it was aborted and disposed.</summary>
internal sealed class InMemoryConnection : DefaultConnectionContext
{
    private static readonly PipeOptions Inline = new(readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, useSynchronizationContext: false);
    private readonly Pipe _fromMta = new(Inline);

    public InMemoryConnection() => Transport = new Duplex(_fromMta.Reader, new Pipe(Inline).Writer);

    public bool IsAborted { get; private set; }

    public int Disposals { get; private set; }

    public void Say(string text, bool close = false)
    {
        _fromMta.Writer.Write(System.Text.Encoding.Latin1.GetBytes(text));
        _ = _fromMta.Writer.FlushAsync().AsTask();
        if (close)
            _fromMta.Writer.Complete();
    }

    public override void Abort(ConnectionAbortedException abortReason) => IsAborted = true;

    public override ValueTask DisposeAsync()
    {
        Disposals++;
        return base.DisposeAsync();
    }

    private sealed record Duplex(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
