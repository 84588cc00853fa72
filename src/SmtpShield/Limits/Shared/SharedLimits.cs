using SmtpShield.Options;

namespace SmtpShield.Limits.Shared;

/// <summary>The limits of a service whose counts are shared, as they are compared with sums.</summary>
/// <param name="service">The service.</param>
/// <param name="members">Shields that share, this one included.</param>
internal sealed class SharedLimits(SharedService service, int members)
{
    /// <summary>The service.</summary>
    public SharedService Service => service;

    /// <summary>When an event waits for what others count.</summary>
    public SharingMode Mode => service.Mode;

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

    /// <summary>Whether an event that was counted waits for what others count: not where it is refused anyway.</summary>
    /// <param name="counts">The counts of all shields, as far as they are known.</param>
    /// <param name="kind">Its index among rates; a connection is also one that is open.</param>
    public bool IsAwaited(in AnvilCounts counts, int kind)
    {
        if (service.Mode is SharingMode.Async)
            return false;

        var isOpen = kind == AnvilEventCounts.Connections;
        var (rate, open) = (counts.Rates[kind], isOpen ? counts.ConnectionCount : 0);
        var (rateLimit, openLimit) = (service.RateLimits[kind], isOpen ? service.OpenLimit : 0);
        return !IsOver(rate, rateLimit) && !IsOver(open, openLimit) && (IsAwaited(rate, rateLimit) || IsAwaited(open, openLimit));
    }

    private static bool IsOver(int count, int limit) => limit > 0 && count > limit;

    private bool IsAwaited(int count, int limit) => limit > 0 && (service.Mode is SharingMode.Strict || IsNear(count, limit));

    // Above a half of what is one shield's part.
    private bool IsNear(int count, int limit) => 2L * members * count >= limit;

    private SharedTurn Turn(int count, int limit, SharedTurn other)
    {
        if (limit == 0)
            return other;
        return IsOver(count, limit) ? SharedTurn.Over : IsNear(count, limit) ? SharedTurn.Near : other;
    }
}
