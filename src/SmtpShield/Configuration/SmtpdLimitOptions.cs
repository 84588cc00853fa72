namespace SmtpShield.Configuration;

/// <summary>The limits of smtpd(8): per client, judged over <c>anvil_rate_time_unit</c>, and per session. Judged against the newest snapshot, because they are tuned under attack.</summary>
public sealed record SmtpdLimitOptions
{
    /// <summary>Connections one client may have open at the same time.</summary>
    /// <value>Connections; 50 by default, 0 disables. Clients in <c>smtpd_client_event_limit_exceptions</c> are not counted.</value>
    /// <remarks>Postfix <c>smtpd_client_connection_count_limit</c>, postconf(5). Exceeding it: reply 421 4.7.0.</remarks>
    [ConfigurationKeyName("smtpd_client_connection_count_limit"), Range(0, int.MaxValue)]
    public int ClientConnectionCountLimit { get; init; } = 50;

    /// <summary>Connection attempts one client may make per <c>anvil_rate_time_unit</c>.</summary>
    /// <value>Attempts; 0 (default) disables. Clients in <c>smtpd_client_event_limit_exceptions</c> are not counted.</value>
    /// <remarks>Postfix <c>smtpd_client_connection_rate_limit</c>, postconf(5). Exceeding it: reply 421 4.7.0.</remarks>
    [ConfigurationKeyName("smtpd_client_connection_rate_limit"), Range(0, int.MaxValue)]
    public int ClientConnectionRateLimit { get; init; }

    /// <summary>Clients whose events are not counted and not limited.</summary>
    /// <value>Address patterns; <c>$mynetworks</c> by default.</value>
    /// <remarks>Postfix <c>smtpd_client_event_limit_exceptions</c>, postconf(5).</remarks>
    [ConfigurationKeyName("smtpd_client_event_limit_exceptions")]
    public AddressPatternList ClientEventLimitExceptions { get; init; } = AddressPatternList.Empty;

    /// <summary>Errors in a session from which on every reply is delayed by <see cref="ErrorSleepTime"/>.</summary>
    /// <value>Errors, at least 1; 10 by default.</value>
    /// <remarks>Postfix <c>smtpd_soft_error_limit</c>; smtpd_chat.c compares with <c>&gt;=</c>.</remarks>
    [ConfigurationKeyName("smtpd_soft_error_limit"), Range(1, int.MaxValue)]
    public int SoftErrorLimit { get; init; } = 10;

    /// <summary>Errors in a session at which the shield answers 421 and disconnects.</summary>
    /// <value>Errors, at least 1; 20 by default.</value>
    /// <remarks>Postfix <c>smtpd_hard_error_limit</c>; smtpd.c compares with <c>&gt;=</c> before it reads the next command.</remarks>
    [ConfigurationKeyName("smtpd_hard_error_limit"), Range(1, int.MaxValue)]
    public int HardErrorLimit { get; init; } = 20;

    /// <summary>Junk commands (HELO, EHLO, RSET, NOOP, VRFY, ETRN) in a session, after which each further one counts as an error.</summary>
    /// <value>Commands, at least 1; 100 by default.</value>
    /// <remarks>Postfix <c>smtpd_junk_command_limit</c>; the count is compared before it is increased, so limit + 1 commands are free (smtpd.c).</remarks>
    [ConfigurationKeyName("smtpd_junk_command_limit"), Range(1, int.MaxValue)]
    public int JunkCommandLimit { get; init; } = 100;

    /// <summary>How long each reply waits once a session has reached <see cref="SoftErrorLimit"/>.</summary>
    /// <value>At least 0 (no delay); 1 second by default.</value>
    /// <remarks>Postfix <c>smtpd_error_sleep_time</c>, postconf(5).</remarks>
    [ConfigurationKeyName("smtpd_error_sleep_time"), TimeUnit('s'), MinimumSeconds(0)]
    public TimeSpan ErrorSleepTime { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Recipients refused with <c>452 4.5.3</c> in one transaction that do not count as errors.</summary>
    /// <value>Recipients, at least 1; 1000 by default.</value>
    /// <remarks>Postfix <c>smtpd_recipient_overshoot_limit</c>, postconf(5).</remarks>
    [ConfigurationKeyName("smtpd_recipient_overshoot_limit"), Range(1, int.MaxValue)]
    public int RecipientOvershootLimit { get; init; } = 1000;
}
