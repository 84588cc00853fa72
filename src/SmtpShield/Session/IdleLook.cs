namespace SmtpShield.Session;

/// <summary>
/// When a session that holds one of the MTA's few looks by itself whether its client still needs it: pressure wakes nobody.
/// </summary>
internal sealed class IdleLook
{
    private long _lookedAt;

    /// <summary>When it must be looked; a timestamp, <see cref="long.MaxValue"/>: not at all.</summary>
    public long Due { get; private set; } = long.MaxValue;

    /// <summary>It need not be looked.</summary>
    public void Stop() => Due = long.MaxValue;

    /// <summary>Whether it is time to look; says when it is next.</summary>
    /// <param name="clock">The session's time.</param>
    /// <param name="neededAt">When the client last needed the MTA; a timestamp.</param>
    /// <param name="idle">How long it may not need it: <c>shield_upstream_idle_release</c>.</param>
    public bool IsTime(SessionClock clock, long neededAt, TimeSpan idle)
    {
        Due = clock.Later(Math.Max(neededAt, _lookedAt), idle);
        if (clock.Now < Due)
            return false;

        _lookedAt = clock.Now;
        Due = clock.Later(_lookedAt, idle > Greeting.BetweenLooks ? idle : Greeting.BetweenLooks);
        return true;
    }
}
