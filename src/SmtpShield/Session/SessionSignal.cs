using System.Threading.Tasks.Sources;

namespace SmtpShield.Session;

/// <summary>
/// Wakes a session's loop: set by whatever it waits for (bytes from either side, a flush, a deadline, shutdown). One waiter; a signal
/// set while nobody waits is kept. The loop then looks at everything itself, so that one thread at a time works on a session and its state needs no lock.
/// Waiting and setting allocate nothing.
/// </summary>
internal sealed class SessionSignal : IValueTaskSource
{
    private const int Clear = 0;
    private const int Signalled = 1;
    private const int Waiting = 2;

    private ManualResetValueTaskSourceCore<bool> _source;
    private int _state;

    /// <summary>Makes a signal that is not set.</summary>
    public SessionSignal() => Set = SetOnce;

    /// <summary>Sets the signal. The waiter goes on inline, on the thread that sets it.</summary>
    public Action Set { get; }

    /// <summary>Completes when the signal is set, and clears it.</summary>
    public ValueTask WaitAsync()
    {
        if (Interlocked.CompareExchange(ref _state, Clear, Signalled) == Signalled)
            return ValueTask.CompletedTask;

        _source.Reset();
        if (Interlocked.CompareExchange(ref _state, Waiting, Clear) == Clear)
            return new(this, _source.Version);

        Volatile.Write(ref _state, Clear);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc />
    void IValueTaskSource.GetResult(short token) => _source.GetResult(token);

    /// <inheritdoc />
    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _source.GetStatus(token);

    /// <inheritdoc />
    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    private void SetOnce()
    {
        while (Interlocked.CompareExchange(ref _state, Signalled, Clear) == Waiting)
        {
            // Of those that set it at the same moment one wakes the waiter; the others' signal is kept, because the waiter may already have looked.
            if (Interlocked.CompareExchange(ref _state, Clear, Waiting) == Waiting)
            {
                _source.SetResult(true);
                return;
            }
        }
    }
}
