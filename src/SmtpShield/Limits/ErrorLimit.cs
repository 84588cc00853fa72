using SmtpShield.Options;

namespace SmtpShield.Limits;

/// <summary>The errors and junk commands of one session, counted from the replies its client gets. Only an accepted message resets them (smtpd.c).</summary>
internal struct ErrorLimit
{
    private int _errors;
    private int _most;
    private int _junkCommands;

    /// <summary>Errors so far.</summary>
    public readonly int Errors => _errors;

    /// <summary>Commands limited by <c>smtpd_junk_command_limit</c> so far.</summary>
    public readonly int JunkCommands => _junkCommands;

    /// <summary>The most there were, before an accepted message set them to 0 or since.</summary>
    public readonly int Most => Math.Max(_most, _errors);

    /// <summary>Counts one error. Called after the reply has left, so that the reply to the N-th error itself is judged with N - 1 (smtpd_chat.c).</summary>
    public void CountError() => _errors++;

    /// <summary>
    /// Counts a command limited by <c>smtpd_junk_command_limit</c>: limit + 1 are free, each further one is an error (smtpd.c compares before it increases).
    /// </summary>
    /// <returns>Whether it is an error.</returns>
    public bool CountJunkCommand(SmtpdLimitOptions limits)
    {
        if (_junkCommands++ <= limits.JunkCommandLimit)
            return false;

        _errors++;
        return true;
    }

    /// <summary>An accepted message: both counts start again.</summary>
    public void Reset() => (_most, _errors, _junkCommands) = (Most, 0, 0);

    /// <summary>
    /// How long the next reply waits: <c>smtpd_error_sleep_time</c> from <c>smtpd_soft_error_limit</c> errors on, every reply, successes included.
    /// </summary>
    public readonly TimeSpan ReplyDelay(SmtpdLimitOptions limits) => _errors >= limits.SoftErrorLimit ? limits.ErrorSleepTime : TimeSpan.Zero;

    /// <summary>Whether the session ends now, before another command is read.</summary>
    public readonly bool IsHard(SmtpdLimitOptions limits) => _errors >= limits.HardErrorLimit;

    /// <summary>
    /// How many commands may be with the MTA unanswered. If all of them failed the session would be exactly at the hard limit, so the MTA never works on more
    /// errors than Postfix, which reads the next command only after the last reply; from the soft limit on it is one command at a time.
    /// </summary>
    public readonly int Credit(SmtpdLimitOptions limits) => _errors >= limits.SoftErrorLimit ? 1 : Math.Max(1, limits.HardErrorLimit - _errors);
}
