namespace SmtpShield.Limits.Shared;

/// <summary>How sharing over one store goes. It is away while a partition of it is. What notes something is called by one thread at a time.</summary>
/// <param name="name">The store, as in the log.</param>
/// <param name="exchanges">The exchanges of its partitions.</param>
/// <param name="time">The clock.</param>
internal sealed class StoreState(string name, IReadOnlyList<CounterExchange> exchanges, TimeProvider time)
{
    // How long a failure that lasts is not logged again.
    private static readonly TimeSpan Silence = TimeSpan.FromMinutes(1);

    // One answer that is late is no news: on a busy machine a connection takes that long.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    private readonly long?[] _awaySince = new long?[exchanges.Count];
    private readonly bool[] _hasAnswered = new bool[exchanges.Count];
    private long? _loggedAt;
    private long _loggedSince;
    private volatile string? _failure;

    /// <summary>The store.</summary>
    public string Name => name;

    /// <summary>Its partitions.</summary>
    public int Partitions => exchanges.Count;

    /// <summary>Shields that share over it, this one included: the most of any partition, as it has said last.</summary>
    public int Members => exchanges.Max(static exchange => exchange.Members);

    /// <summary>Whether each partition has answered.</summary>
    public bool HasJoined => Array.TrueForAll(_hasAnswered, static one => one);

    /// <summary>Whether any partition answers.</summary>
    public bool IsAnswered => exchanges.Any(static exchange => exchange.IsAnswered);

    /// <summary>Records that wait to be reported.</summary>
    public int Backlog => exchanges.Sum(static exchange => exchange.Backlog);

    /// <summary>How long ago it has answered last; of the partition where that is the longest ago.</summary>
    public TimeSpan Age => exchanges.Max(exchange => time.GetElapsedTime(exchange.AnsweredAt));

    /// <summary>Why it does not answer; null: it does, or has a second ago.</summary>
    public string? Failure => _failure;

    /// <summary>A partition has not answered.</summary>
    /// <returns>Whether it is to be logged.</returns>
    public bool NoteFailure(int partition, string reason)
    {
        var since = _awaySince[partition] ??= time.GetTimestamp();
        if (time.GetElapsedTime(since) < Grace)
            return false;

        var away = _awaySince.Count(static one => one is not null);
        _failure = Partitions == 1 ? reason : $"{away} of {Partitions} partitions: {reason}";
        if (_loggedAt is { } at && time.GetElapsedTime(at) < Silence)
            return false;

        if (_loggedAt is null)
            _loggedSince = since;
        _loggedAt = time.GetTimestamp();
        return true;
    }

    /// <summary>A partition has answered.</summary>
    /// <param name="partition">Which.</param>
    /// <param name="wasAway">For how long the store was away, if that was logged and it is no more; null: it was not, or a partition still is.</param>
    /// <returns>Whether all of it has answered now, for the first time.</returns>
    public bool NoteAnswer(int partition, out TimeSpan? wasAway)
    {
        _awaySince[partition] = null;
        wasAway = null;
        if (Array.TrueForAll(_awaySince, static one => one is null))
        {
            wasAway = _loggedAt is null ? null : time.GetElapsedTime(_loggedSince);
            (_loggedAt, _failure) = (null, null);
        }

        if (_hasAnswered[partition])
            return false;

        _hasAnswered[partition] = true;
        return HasJoined;
    }
}
