using SmtpShield.Options;

namespace SmtpShield.Hosting;

/// <summary>
/// How the shield stops: first it listens no more, then sessions are told to finish, then they are told that their time is over. It counts the connections that
/// are left. It ends no session itself. Where a successor listens at the same sockets, sessions are told to finish only <c>shield_drain_timeout</c> later: what
/// has come to this process is served by it as usual.
/// </summary>
internal sealed class ConnectionDrain(ShieldSnapshot snapshot, TimeProvider time) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _stopListening = new();
    private readonly CancellationTokenSource _stopHolding = new();
    private readonly CancellationTokenSource _draining = new();
    private readonly CancellationTokenSource _deadline = new();
    private TaskCompletionSource _empty = Completed();
    private ITimer? _timer;
    private int _connections;
    private bool _hasStoppedListening;
    private bool _begun;

    /// <summary>Fires first, so that no new client gets in while thousands of sessions are being told.</summary>
    public CancellationToken StopListening => _stopListening.Token;

    /// <summary>Fires when clients that were accepted, and wait for their place, do not get one any more: when the shield stops.</summary>
    public CancellationToken StopHolding => _stopHolding.Token;

    /// <summary>Fires when the shield stops: a session in a mail transaction finishes it, an idle one is closed with 421.</summary>
    public CancellationToken Draining => _draining.Token;

    /// <summary>Fires <c>shield_drain_timeout</c> after <see cref="Draining"/>: sessions end at once.</summary>
    public CancellationToken Deadline => _deadline.Token;

    /// <summary>Whether the shield takes no new clients any more: true before the first listener closes.</summary>
    public bool HasBegun => Volatile.Read(ref _hasStoppedListening);

    /// <summary>Connections that were accepted and are not yet disposed.</summary>
    public int Connections
    {
        get
        {
            lock (_gate)
                return _connections;
        }
    }

    /// <summary>Completes when no connection is left; is complete when there is none now.</summary>
    public Task WhenEmpty
    {
        get
        {
            lock (_gate)
                return _empty.Task;
        }
    }

    /// <summary>Counts a connection until the lease is disposed. The listener does so for each connection it accepts; sessions need not.</summary>
    public Lease Enter()
    {
        lock (_gate)
        {
            if (_connections++ == 0)
                _empty = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        return new Lease(this);
    }

    /// <summary>Begins to drain; only the first call does anything.</summary>
    public void Begin()
    {
        lock (_gate)
        {
            if (_begun)
                return;
            _begun = true;
            Volatile.Write(ref _hasStoppedListening, true);
        }

        _stopListening.Cancel();
        _stopHolding.Cancel();
        // Each session's reaction runs inside the cancellation (sockets complete inline): on the pool, so that the caller's deadline does not wait for them.
        _ = _draining.CancelAsync();
        var timeout = snapshot.Current.Listener.DrainTimeout;
        if (timeout <= TimeSpan.Zero)
            _ = _deadline.CancelAsync();
        else
            _timer = time.CreateTimer(static deadline => _ = ((CancellationTokenSource)deadline!).CancelAsync(), _deadline, timeout, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Listens no more, because a successor does. Sessions, and clients that were accepted, are served on until <see cref="Begin"/>.</summary>
    public void StopListeningOnly()
    {
        Volatile.Write(ref _hasStoppedListening, true);
        _stopListening.Cancel();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _timer?.Dispose();
        _stopListening.Dispose();
        _stopHolding.Dispose();
        _draining.Dispose();
        _deadline.Dispose();
    }

    private static TaskCompletionSource Completed()
    {
        var source = new TaskCompletionSource();
        source.SetResult();
        return source;
    }

    private void Leave()
    {
        lock (_gate)
        {
            if (--_connections == 0)
                _empty.SetResult();
        }
    }

    /// <summary>One counted connection.</summary>
    public sealed class Lease(ConnectionDrain drain) : IDisposable
    {
        private ConnectionDrain? _drain = drain;

        /// <summary>Counts it no longer; only the first call does anything.</summary>
        public void Dispose() => Interlocked.Exchange(ref _drain, null)?.Leave();
    }
}
