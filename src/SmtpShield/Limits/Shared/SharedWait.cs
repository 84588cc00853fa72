namespace SmtpShield.Limits.Shared;

/// <summary>
/// An event that was counted here and waits for what other shields count. It has its own place in this shield's counts, so that several of one client that
/// wait for one exchange are judged one by one.
/// </summary>
/// <param name="own">What this shield counts of the client, the event included.</param>
/// <param name="known">The same with what was heard of others before.</param>
/// <param name="windowStart">The second the window of <paramref name="own"/> began in.</param>
/// <param name="since">When it began to wait, in the table's milliseconds.</param>
/// <param name="totals">Counts it when it is over.</param>
internal sealed class SharedWait(AnvilCounts own, AnvilCounts known, int windowStart, long since, SharedWaitTotals totals) : IThreadPoolWorkItem
{
    private readonly Lock _gate = new();
    private AnvilCounts _counts = known;
    private Action? _wake;
    private bool _isOver;

    /// <summary>The one before it that waits for the same record; null: none.</summary>
    public SharedWait? Earlier { get; init; }

    /// <summary>When it began to wait, in the table's milliseconds.</summary>
    public long Since => since;

    /// <summary>What all shields count of the client, as far as it was waited for: what was known, if it was given up.</summary>
    public AnvilCounts Counts
    {
        get
        {
            lock (_gate)
                return _counts;
        }
    }

    /// <summary>Says what is to be called when it is over, on another thread.</summary>
    /// <returns>False: it is over, and nothing is called.</returns>
    public bool TryWait(Action wake)
    {
        lock (_gate)
        {
            if (_isOver)
                return false;

            _wake = wake;
            return true;
        }
    }

    /// <summary>Completes when it is over.</summary>
    public Task WhenOverAsync()
    {
        var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return TryWait(over.SetResult) ? over.Task : Task.CompletedTask;
    }

    /// <summary>The store has answered a report that contains the event.</summary>
    /// <param name="others">What others count.</param>
    /// <param name="reported">The second the window of the report began in.</param>
    /// <remarks>An event of a window that is over by now is judged by what was known in it.</remarks>
    public void Answer(in OthersRecord others, int reported) => End(isAnswered: true, reported > windowStart + 1 ? null : others.AddedTo(own));

    /// <summary>It is not waited for any more: what was known counts.</summary>
    public void LetGo() => End(isAnswered: false, null);

    /// <inheritdoc/>
    void IThreadPoolWorkItem.Execute() => _wake!();

    private void End(bool isAnswered, AnvilCounts? counts)
    {
        lock (_gate)
        {
            if (_isOver)
                return;

            (_isOver, _counts) = (true, counts ?? _counts);
            totals.AddWait(isAnswered);
            if (_wake is not null)
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }
}
