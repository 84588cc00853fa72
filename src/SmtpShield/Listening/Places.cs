namespace SmtpShield.Listening;

/// <summary>Counts what is taken of a bounded number of places. Whoever finds none waits; nobody is refused.</summary>
/// <param name="bound">How many there are now. Who makes it larger says so with <see cref="BoundChanged"/>.</param>
internal sealed class Places(Func<int> bound)
{
    private readonly Lock _gate = new();
    private TaskCompletionSource? _changed;
    private int _taken;
    private int _held;

    /// <summary>Places taken now.</summary>
    public int Taken
    {
        get
        {
            lock (_gate)
                return _taken;
        }
    }

    /// <summary>Completes when a place is free that nobody who waits in <see cref="TakeAsync"/> is to have.</summary>
    /// <exception cref="OperationCanceledException">It is no longer wanted.</exception>
    public async Task WaitForRoomAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Task changed;
            lock (_gate)
            {
                if (_taken + _held < bound())
                    return;
                changed = Changed();
            }

            await changed.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Takes a place; when there is none, waits for the next one, before those who wait for room.</summary>
    /// <returns>How many are taken then.</returns>
    /// <exception cref="OperationCanceledException">It is no longer wanted.</exception>
    public ValueTask<int> TakeAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return TryTake(out var taken) ? ValueTask.FromResult(taken) : WaitAndTakeAsync(cancellationToken);
    }

    /// <summary>Gives a place back.</summary>
    public void Return()
    {
        lock (_gate)
        {
            _taken--;
            WakeWaiters();
        }
    }

    /// <summary>Lets those who wait look again.</summary>
    public void BoundChanged()
    {
        lock (_gate)
            WakeWaiters();
    }

    private async ValueTask<int> WaitAndTakeAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
            _held++;
        try
        {
            while (true)
            {
                Task changed;
                lock (_gate)
                    changed = Changed();
                if (TryTake(out var taken))
                    return taken;
                await changed.WaitAsync(cancellationToken);
            }
        }
        finally
        {
            lock (_gate)
            {
                _held--;
                WakeWaiters();
            }
        }
    }

    private bool TryTake(out int taken)
    {
        lock (_gate)
        {
            var isFree = _taken < bound();
            if (isFree)
                _taken++;
            taken = _taken;
            return isFree;
        }
    }

    private Task Changed() => (_changed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

    private void WakeWaiters()
    {
        _changed?.SetResult();
        _changed = null;
    }
}
