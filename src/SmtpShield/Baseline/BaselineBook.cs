namespace SmtpShield.Baseline;

/// <summary>
/// What clients have done at a service in the last days: eight, by the clock on the wall and in UTC, in 0.5 MB that are there from the start, so that counting
/// allocates nothing. Another <c>anvil_rate_time_unit</c> begins anew, since counts over different times say nothing about each other.
/// </summary>
internal sealed class BaselineBook
{
    /// <summary>Days that are kept, the one that lasts among them.</summary>
    public const int Days = 8;

    private readonly BaselineDay[] _days = [.. Enumerable.Range(0, Days).Select(static _ => new BaselineDay())];
    private readonly Lock _gate = new();

    /// <summary>The counts of a day, which begins if it was another one's place.</summary>
    /// <param name="day">Days since 1970.</param>
    /// <param name="unit">Seconds of a window.</param>
    public BaselineDay Of(long day, int unit)
    {
        var its = _days[day % Days];
        return its.Is(day, unit) ? its : Begin(its, day, unit);
    }

    /// <summary>What was counted for a limit.</summary>
    /// <param name="limit">The limit's place among <see cref="ObservedLimit.All"/>.</param>
    /// <param name="whose">Of whom.</param>
    /// <param name="today">The last day.</param>
    /// <param name="before">How many days before it.</param>
    /// <param name="unit">Seconds of a window.</param>
    public BaselineSample Sum(int limit, ClientClass whose, long today, int before, int unit)
    {
        var (counts, largest) = (new long[LogLinear.Count], 0);
        for (var day = today - before; day <= today; day++)
        {
            var its = _days[day % Days];
            if (!its.Is(day, unit))
                continue;

            var buckets = its.Buckets(limit, whose);
            for (var i = 0; i < counts.Length; i++)
                counts[i] += buckets[i];
            largest = Math.Max(largest, its.Largest(limit, whose));
        }

        return new(counts, largest);
    }

    private BaselineDay Begin(BaselineDay its, long day, int unit)
    {
        lock (_gate)
        {
            if (!its.Is(day, unit))
                its.Begin(day, unit);
            return its;
        }
    }
}
