namespace SmtpShield.Shadow;

/// <summary>What one rule would have done to one client.</summary>
/// <param name="rule">The rule's place in <see cref="Options.ShadowRules.All"/>.</param>
internal sealed class ShadowClientRule(int rule)
{
    /// <summary>The rule's place.</summary>
    public int Rule => rule;

    /// <summary>The most that was counted.</summary>
    public int Most { get; private set; }

    /// <summary>Times it would have been hit.</summary>
    public long Hits { get; private set; }

    /// <summary>Windows in which it would have been.</summary>
    public long Windows { get; private set; }

    /// <summary>The second of the last hit.</summary>
    public int LastSecond { get; private set; }

    /// <summary>Messages the MTA accepted behind a hit, which the limit would have kept from it for then.</summary>
    public long MessagesAfter { get; set; }

    /// <summary>The second the last window began in.</summary>
    public int WindowStart { get; private set; }

    /// <summary>Goes on where an earlier process was.</summary>
    /// <param name="kept">What it had.</param>
    /// <param name="secondOf">Turns its seconds into this one's.</param>
    public void Restore(in ShadowKeptHits kept, Func<long, int> secondOf)
    {
        (Most, Hits, Windows, MessagesAfter) = (kept.Most, kept.Hits, kept.Windows, kept.MessagesAfter);
        (WindowStart, LastSecond) = (secondOf(kept.WindowStart), secondOf(kept.LastAt));
    }

    /// <summary>A copy, to be kept.</summary>
    /// <param name="timeOf">Turns its seconds into those since 1970.</param>
    public ShadowKeptHits Keep(Func<int, long> timeOf) => new(rule, Most, Hits, Windows, timeOf(WindowStart), timeOf(LastSecond), MessagesAfter);

    /// <summary>A copy.</summary>
    public ShadowPast Copy() => new(rule, Most, Hits, Windows, MessagesAfter, LastSecond);

    /// <summary>A hit.</summary>
    /// <param name="count">What was counted.</param>
    /// <param name="limit">What it was compared with.</param>
    /// <param name="second">When.</param>
    /// <param name="unit">Seconds a window lasts.</param>
    /// <param name="growsInWindow">
    /// Whether the count begins at 0 with each window and is one more at each hit: then the first one above the limit begins a window.
    /// </param>
    /// <returns>Whether it is the first one of a window.</returns>
    public bool Add(int count, int limit, int second, int unit, bool growsInWindow)
    {
        (Most, LastSecond) = (Math.Max(Most, count), second);
        var isFirst = Hits++ == 0 || second - (long)WindowStart > unit || (growsInWindow && count == limit + 1L && second > WindowStart);
        if (isFirst)
            (WindowStart, Windows) = (second, Windows + 1);
        return isFirst;
    }
}
