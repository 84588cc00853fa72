namespace SmtpShield.Tls;

/// <summary>
/// Knows when neither a read nor a write of a stream is under way, so that it can be disposed: an <see cref="System.Net.Security.SslStream"/> disposed earlier
/// keeps its buffers.
/// </summary>
internal sealed class PendingOperations
{
    private readonly Lock _gate = new();
    private int _count;
    private TaskCompletionSource? _none;

    /// <summary>One begins.</summary>
    public void Begin()
    {
        lock (_gate)
            _count++;
    }

    /// <summary>One is over.</summary>
    public void End()
    {
        lock (_gate)
        {
            if (--_count == 0)
                _none?.TrySetResult();
        }
    }

    /// <summary>Completes when none is under way. Called once, when no further ones begin.</summary>
    public Task WhenNoneAsync()
    {
        lock (_gate)
        {
            if (_count == 0)
                return Task.CompletedTask;

            _none = new(TaskCreationOptions.RunContinuationsAsynchronously);
            return _none.Task;
        }
    }
}
