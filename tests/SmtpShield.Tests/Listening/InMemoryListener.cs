using System.Net;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using SmtpShield.Transport;

namespace SmtpShield.Tests.Listening;

/// <summary>A listener whose clients a test lets in.</summary>
internal sealed class InMemoryListener : IConnectionListener, IListenQueue
{
    private readonly Channel<ConnectionContext> _queue = Channel.CreateUnbounded<ConnectionContext>();

    public EndPoint EndPoint { get; } = new IPEndPoint(IPAddress.Any, 25);

    /// <summary>Clients nobody has accepted.</summary>
    public int Waiting => _queue.Reader.Count;

    public bool IsAnyoneWaiting => Waiting > 0;

    public bool IsUnbound { get; private set; }

    public InMemoryConnection Connect()
    {
        var connection = new InMemoryConnection();
        _queue.Writer.TryWrite(connection);
        return connection;
    }

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default) =>
        await _queue.Reader.WaitToReadAsync(cancellationToken) && _queue.Reader.TryRead(out var connection) ? connection : null;

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        IsUnbound = true;
        _queue.Writer.TryComplete();
        return default;
    }

    public ValueTask DisposeAsync() => UnbindAsync();
}

/// <summary>A connection without a transport.</summary>
internal sealed class InMemoryConnection : DefaultConnectionContext
{
    private readonly TaskCompletionSource _disposed = new();

    public Task WhenDisposed => _disposed.Task;

    public bool IsDisposed => WhenDisposed.IsCompleted;

    public bool IsAborted { get; private set; }

    public bool ThrowsOnDispose { get; set; }

    public override void Abort() => IsAborted = true;

    public override void Abort(ConnectionAbortedException abortReason) => Abort();

    public override ValueTask DisposeAsync()
    {
        _disposed.TrySetResult();
        return ThrowsOnDispose ? throw new IOException("dispose") : base.DisposeAsync();
    }
}
