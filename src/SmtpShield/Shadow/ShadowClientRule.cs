namespace SmtpShield.Shadow;

/// <summary>What one rule would have done to one client.</summary>
/// <param name="rule">The rule's place in <see cref="Options.ShadowRules.All"/>.</param>
internal sealed class ShadowClientRule(int rule)
{
    private int _windowStart;

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
        var isFirst = Hits++ == 0 || second - (long)_windowStart > unit || (growsInWindow && count == limit + 1L && second > _windowStart);
        if (isFirst)
            (_windowStart, Windows) = (second, Windows + 1);
        return isFirst;
    }
}
