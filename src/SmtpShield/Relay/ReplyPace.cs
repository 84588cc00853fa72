namespace SmtpShield.Relay;

/// <summary>
/// When a reply may be written and when it leaves. From the soft limit on each reply waits for <c>smtpd_error_sleep_time</c>; replies to a pipelined group are kept together
/// until the group is answered, unless one was delayed or nothing has left for ten seconds (Postfix smtpd_chat.c does the same).
/// </summary>
internal sealed class ReplyPace(RelayState state, TimeProvider time)
{
    private static readonly TimeSpan LongestHold = TimeSpan.FromSeconds(10);

    private long _lastFlush = time.GetTimestamp();

    /// <summary>When the delayed reply may be written; a timestamp, 0 when none is delayed.</summary>
    public long DelayedUntil { get; private set; }

    /// <summary>What was written must leave now.</summary>
    public bool MustFlush { get; private set; }

    /// <summary>Whether the next reply (or the next line of an EHLO reply) may be written now.</summary>
    public bool MayReply()
    {
        if (DelayedUntil == 0)
        {
            var delay = state.Errors.ReplyDelay(state.Limits);
            if (delay > TimeSpan.Zero && state.ClientSide.IsBroken)
            {
                // Nobody is left to be slowed down; that the reply would have left is what ends the session.
                MustFlush = true;
            }
            else if (delay > TimeSpan.Zero)
            {
                DelayedUntil = state.Now + (long)(delay.TotalSeconds * time.TimestampFrequency);
                return false;
            }
        }
        else if (state.Now < DelayedUntil && !state.ClientSide.IsBroken)
        {
            return false;
        }
        else
        {
            DelayedUntil = 0;
            MustFlush = true;
        }

        if (time.GetElapsedTime(_lastFlush, state.Now) > LongestHold)
            MustFlush = true;
        return true;
    }

    /// <summary>What was written has left.</summary>
    public void NoteFlushed()
    {
        _lastFlush = state.Now;
        MustFlush = false;
    }
}
