namespace SmtpShield.Limits.Shared;

/// <summary>The limits of a service whose counts are shared, as they are compared with sums.</summary>
/// <param name="service">The service.</param>
/// <param name="members">Shields that share, this one included.</param>
internal sealed class SharedLimits(SharedService service, int members)
{
    /// <summary>The service.</summary>
    public SharedService Service => service;

    /// <summary>When a record with these counts is reported.</summary>
    /// <param name="counts">Those of all shields.</param>
    /// <param name="isOpenChanged">Whether connections have changed.</param>
    public SharedTurn TurnOf(in AnvilCounts counts, bool isOpenChanged)
    {
        var turn = Turn(counts.ConnectionCount, service.OpenLimit, isOpenChanged ? SharedTurn.Open : SharedTurn.Rest);
        for (var i = 0; i < AnvilEventCounts.Length && turn != SharedTurn.Over; i++)
            turn = Turn(counts.Rates[i], service.RateLimits[i], turn);
        return turn;
    }

    private SharedTurn Turn(int count, int limit, SharedTurn other)
    {
        if (limit == 0)
            return other;
        return count > limit ? SharedTurn.Over : 2L * members * count >= limit ? SharedTurn.Near : other;
    }
}
