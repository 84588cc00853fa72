using System.Net;
using Microsoft.AspNetCore.Connections;
using SmtpShield.Hosting;
using SmtpShield.Transport;

namespace SmtpShield.Listening;

/// <summary>
/// Accepts while the service's limit and the process have room. Otherwise further clients stay where they are, in the kernel's listen queue, connected and
/// without a greeting.
/// </summary>
/// <remarks>
/// Several listeners share one limit, and each may be waiting for a client when the last slot goes: the one client it accepts then is held here, unanswered,
/// until a slot is free. So each further endpoint can hold one client more than the queue.
/// </remarks>
internal sealed class ProcessLimitListener : IConnectionListener
{
    private readonly IConnectionListener _listener;
    /// <summary>How often it is looked who waits while there is no room.</summary>
    public static readonly TimeSpan BetweenLooks = TimeSpan.FromSeconds(1);

    private readonly ProcessLimit _limit;
    private readonly IOpenSessions _sessions;
    private readonly TimeProvider _time;
    private readonly ConnectionRoom _room;
    private readonly ConnectionDrain _drain;
    private readonly AcceptLoop _loop;
    private readonly CancellationTokenRegistration _onStop;
    private readonly TaskCompletionSource _unbound = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Closes <paramref name="listener"/> when <paramref name="drain"/> begins, so that new clients are refused from then on.</summary>
    public ProcessLimitListener(
        IConnectionListener listener, ProcessLimit limit, ConnectionRoom room, IOpenSessions sessions, ConnectionDrain drain, AcceptLoop loop,
        TimeProvider time)
    {
        _loop = loop;
        _listener = listener;
        _limit = limit;
        _sessions = sessions;
        _time = time;
        _room = room;
        _drain = drain;
        _onStop = drain.StopListening.Register(static state => _ = ((IConnectionListener)state!).UnbindAsync().AsTask(), listener);
    }

    /// <inheritdoc/>
    public EndPoint EndPoint => _listener.EndPoint;

    /// <inheritdoc/>
    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        ConnectionContext? connection = null;
        _loop.NoteEntered();
        try
        {
            connection = await AcceptNextAsync(cancellationToken);
            return connection;
        }
        finally
        {
            _loop.NoteLeft();
            if (connection is null)
                _loop.NoteEnded();
        }
    }

    private async ValueTask<ConnectionContext?> AcceptNextAsync(CancellationToken cancellationToken)
    {
        ConnectionContext? connection = null;
        ProcessSlot? slot = null;
        try
        {
            await WaitForRoomAsync();
            await _room.WaitForRoomAsync(_drain.StopListening);
            if (_loop.WhenLetThrough is { IsCompleted: false } held)
                await Task.WhenAny(held, _unbound.Task).WaitAsync(_drain.StopListening);
            connection = await _listener.AcceptAsync(cancellationToken);
            if (connection is null)
                return null;

            slot = await _limit.TakeAsync(_listener.EndPoint, _drain.StopHolding);
            return new LimitedConnection(connection, slot, await _room.TakeAsync(_drain.StopHolding), _drain.Enter());
        }
        catch (OperationCanceledException) when (_drain.StopListening.IsCancellationRequested)
        {
            slot?.Release();
            if (connection is not null)
            {
                connection.Abort(new ConnectionAbortedException("The shield stops."));
                await connection.DisposeAsync();
            }

            return null;
        }
    }

    // Sessions whose clients are silent go, while somebody else waits: those that fill the limit must not keep it full.
    private async ValueTask WaitForRoomAsync()
    {
        var room = _limit.WaitForRoomAsync(_drain.StopListening);
        while (!room.IsCompleted)
        {
            await ((Task)room.WaitAsync(BetweenLooks, _time, CancellationToken.None)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!room.IsCompleted && _listener is IListenQueue { IsAnyoneWaiting: true })
                _limit.MakeRoom(_sessions);
        }

        await room;
    }

    /// <inheritdoc/>
    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        _unbound.TrySetResult();
        return _listener.UnbindAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _onStop.DisposeAsync();
        await _listener.DisposeAsync();
    }
}
