namespace SmtpShield.Limits.Shared;

/// <summary>How sharing goes, for the log and for who asks.</summary>
/// <param name="store">The store, as configured.</param>
/// <param name="exchange">The exchange.</param>
/// <param name="time">The clock.</param>
internal sealed class SharingState(string store, CounterExchange exchange, TimeProvider time)
{
    // Other shields' settings that were logged: one line for each change, whoever has it.
    private const int MostNews = 1000;

    // One answer that is late is no news: on a busy machine a connection takes that long.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    private readonly HashSet<string> _news = new(StringComparer.Ordinal);
    private long? _awaySince;
    private long? _loggedAt;
    private bool _hasAnswered;
    private volatile string? _failure;

    /// <summary>The store.</summary>
    public string Store => store;

    /// <summary>Shields that share, this one included.</summary>
    public int Members { get; private set; } = 1;

    /// <summary>Records that wait to be reported.</summary>
    public int Backlog => exchange.Backlog;

    /// <summary>How long ago the store has answered last.</summary>
    public TimeSpan Age => time.GetElapsedTime(exchange.AnsweredAt);

    /// <summary>Why the store does not answer; null: it does, or has a second ago.</summary>
    public string? Failure => _failure;

    /// <summary>What this shield has told of itself.</summary>
    public string Settings => exchange.Settings;

    /// <summary>For how long the store has not answered, if that was logged; null: it does, or it was not.</summary>
    public TimeSpan? LoggedAway => _loggedAt is not null && _awaySince is { } since ? time.GetElapsedTime(since) : null;

    /// <summary>The store has not answered.</summary>
    /// <param name="reason">Why.</param>
    /// <param name="silence">How long one that lasts is not logged again.</param>
    /// <returns>Whether it is to be logged.</returns>
    public bool NoteFailure(string reason, TimeSpan silence)
    {
        _awaySince ??= time.GetTimestamp();
        if (time.GetElapsedTime(_awaySince.Value) < Grace)
            return false;

        _failure = reason;
        if (_loggedAt is { } at && time.GetElapsedTime(at) < silence)
            return false;

        _loggedAt = time.GetTimestamp();
        return true;
    }

    /// <summary>It has answered.</summary>
    /// <returns>Whether that was the first time.</returns>
    public bool NoteAnswer()
    {
        var isFirst = !_hasAnswered;
        _hasAnswered = true;
        (_awaySince, _loggedAt, _failure) = (null, null, null);
        Members = exchange.Members;
        return isFirst;
    }

    /// <summary>Whether these settings of another shield were not yet logged.</summary>
    public bool IsNews(string settings) => _news.Count < MostNews && _news.Add(settings);
}
