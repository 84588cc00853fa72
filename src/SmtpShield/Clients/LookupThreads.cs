namespace SmtpShield.Clients;

/// <summary>
/// Threads for calls that block, away from the thread pool, whose threads all sessions need. They start when there is something to do and end when there
/// is nothing left. How much may wait is the caller's business.
/// </summary>
internal sealed class LookupThreads
{
    /// <summary>Threads at the same time.</summary>
    /// <value>16.</value>
    public const int MaxCount = 16;

    private readonly Lock _lock = new();
    private readonly Queue<Action> _waiting = new();
    private int _count;

    /// <summary>Runs an action on one of the threads, when one is free.</summary>
    /// <param name="action">Lets no exception out.</param>
    /// <returns>Whether it is going to be run: not if the system has no thread for it.</returns>
    public bool TryRun(Action action)
    {
        lock (_lock)
        {
            if (_count == MaxCount)
            {
                _waiting.Enqueue(action);
                return true;
            }

            _count++;
        }

        try
        {
            new Thread(() => Work(action)) { IsBackground = true, Name = "client name lookup" }.UnsafeStart();
            return true;
        }
        catch (OutOfMemoryException)
        {
            // What Thread says when the system's limit of threads is reached.
            lock (_lock)
                _count--;
            return false;
        }
    }

    private void Work(Action? action)
    {
        while (action is not null)
        {
            action();
            lock (_lock)
            {
                if (!_waiting.TryDequeue(out action))
                    _count--;
            }
        }
    }
}
