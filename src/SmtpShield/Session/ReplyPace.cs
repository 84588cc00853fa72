using SmtpShield.Metrics;

namespace SmtpShield.Session;

/// <summary>
/// When a reply may be written and when it leaves. From the soft limit on each reply waits for <c>smtpd_error_sleep_time</c>; replies to a
/// pipelined group are kept together until the group is answered, unless one was delayed or nothing has left for ten seconds
/// (Postfix smtpd_chat.c does the same).
/// </summary>
internal sealed class ReplyPace(Leg client, SessionContext context, SessionClock clock)
{
    private static readonly TimeSpan LongestHold = TimeSpan.FromSeconds(10);

    private bool _isSlowed;
    private long _lastFlush = clock.Now;

    /// <summary>When the delayed reply may be written; a timestamp, 0 when none is delayed.</summary>
    public long DelayedUntil { get; private set; }

    /// <summary>What was written must leave now.</summary>
    public bool MustFlush { get; private set; }

    /// <summary>Whether the next reply (or the next line of an EHLO reply) may be written now.</summary>
    public bool MayReply()
    {
        if (DelayedUntil == 0)
        {
            var delay = context.Errors.ReplyDelay(context.Limits);
            if (delay > TimeSpan.Zero && client.IsBroken)
            {
                // Nobody is left to be slowed down; that the reply would have left is what ends the session.
                MustFlush = true;
            }
            else if (delay > TimeSpan.Zero)
            {
                DelayedUntil = clock.Later(clock.Now, delay);
                Count(delay);
                return false;
            }
        }
        else if (clock.Now < DelayedUntil && !client.IsBroken)
        {
            return false;
        }
        else
        {
            DelayedUntil = 0;
            MustFlush = true;
        }

        if (clock.Since(_lastFlush) > LongestHold)
            MustFlush = true;
        return true;
    }

    private void Count(TimeSpan delay)
    {
        if (!_isSlowed)
            context.Metrics.NoteLimitHit(LimitRules.SoftErrors);
        _isSlowed = true;
        context.Metrics.NoteDelay(delay);
    }

    /// <summary>What was written has left.</summary>
    public void NoteFlushed()
    {
        _lastFlush = clock.Now;
        MustFlush = false;
    }
}
