using System.Threading.Tasks.Sources;

namespace SmtpShield.Transport;

/// <summary>
/// The core of a reusable value task. Unlike <see cref="ManualResetValueTaskSourceCore{TResult}"/> it may be polled by one thread while another completes it,
/// and started again by the first before the second has run the continuation: a session's loop looks at everything whenever anything has woken it.
/// </summary>
/// <remarks>
/// Every member is called under its owner's lock; continuations are run outside, by the owner. They flow no execution context and know no scheduling context.
/// </remarks>
internal struct Completion<T>
{
    private Action<object?>? _continuation;
    private object? _state;
    private Exception? _error;
    private T _result;
    private bool _isCompleted;

    /// <summary>The token of the value task under way.</summary>
    public short Version { get; private set; }

    /// <summary>Starts anew: older value tasks are no longer valid.</summary>
    public void Reset()
    {
        Version++;
        _continuation = null;
        _state = null;
        _error = null;
        _result = default!;
        _isCompleted = false;
    }

    /// <summary>Completes.</summary>
    /// <returns>What is to be run once the lock is left.</returns>
    public Continuation Complete(T result, Exception? error = null)
    {
        _result = result;
        _error = error;
        _isCompleted = true;
        return new(_continuation, _state);
    }

    /// <summary>How far it is.</summary>
    public readonly ValueTaskSourceStatus GetStatus(short token)
    {
        Check(token);
        return !_isCompleted ? ValueTaskSourceStatus.Pending
            : _error is null ? ValueTaskSourceStatus.Succeeded
            : _error is OperationCanceledException ? ValueTaskSourceStatus.Canceled
            : ValueTaskSourceStatus.Faulted;
    }

    /// <summary>The outcome, once.</summary>
    /// <param name="token">The value task's.</param>
    /// <param name="error">To be thrown outside the lock.</param>
    public T TakeResult(short token, out Exception? error)
    {
        Check(token);
        if (!_isCompleted)
            throw new InvalidOperationException("It is not complete.");

        var result = _result;
        error = _error;
        Reset();
        return result;
    }

    /// <summary>Keeps the continuation for <see cref="Complete"/>.</summary>
    /// <returns>False: complete already, so the caller has it run, on another stack.</returns>
    public bool TryKeep(Action<object?> continuation, object? state, short token)
    {
        Check(token);
        if (_isCompleted)
            return false;

        (_continuation, _state) = (continuation, state);
        return true;
    }

    private readonly void Check(short token)
    {
        if (token != Version)
            throw new InvalidOperationException("A value task can be used once.");
    }

    /// <summary>What waits for a completion.</summary>
    internal readonly struct Continuation(Action<object?>? action, object? state)
    {
        /// <summary>Runs it, if there is one.</summary>
        public void Run() => action?.Invoke(state);
    }
}
