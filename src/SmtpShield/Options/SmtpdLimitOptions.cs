using SmtpShield.PostfixConf.Patterns;

namespace SmtpShield.Options;

/// <summary>
/// The limits of smtpd(8): per client, judged over <c>anvil_rate_time_unit</c>, and per session. Judged against the newest snapshot, because they are tuned
/// under attack.
/// </summary>
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

    /// <summary>MAIL commands one client may send per <c>anvil_rate_time_unit</c>, accepted or not.</summary>
    /// <value>0 (default) disables. Clients in <c>smtpd_client_event_limit_exceptions</c> are not counted.</value>
    /// <remarks>Postfix <c>smtpd_client_message_rate_limit</c>, postconf(5). Exceeding it: reply 450 4.7.1.</remarks>
    [ConfigurationKeyName("smtpd_client_message_rate_limit"), Range(0, int.MaxValue)]
    public int ClientMessageRateLimit { get; init; }

    /// <summary>RCPT and VRFY commands one client may send per <c>anvil_rate_time_unit</c>, accepted or not.</summary>
    /// <value>0 (default) disables. Clients in <c>smtpd_client_event_limit_exceptions</c> are not counted.</value>
    /// <remarks>Postfix <c>smtpd_client_recipient_rate_limit</c>, postconf(5). Exceeding it: reply 450 4.7.1.</remarks>
    [ConfigurationKeyName("smtpd_client_recipient_rate_limit"), Range(0, int.MaxValue)]
    public int ClientRecipientRateLimit { get; init; }

    /// <summary>AUTH commands one client may send per <c>anvil_rate_time_unit</c>, successful or not.</summary>
    /// <value>0 (default) disables. Clients in <c>smtpd_client_event_limit_exceptions</c> are not counted.</value>
    /// <remarks>Postfix <c>smtpd_client_auth_rate_limit</c>, postconf(5). Exceeding it: reply 450 4.7.1.</remarks>
    [ConfigurationKeyName("smtpd_client_auth_rate_limit"), Range(0, int.MaxValue)]
    public int ClientAuthRateLimit { get; init; }

    /// <summary>TLS sessions one client may start per <c>anvil_rate_time_unit</c>.</summary>
    /// <value>0 (default) disables. Clients in <c>smtpd_client_event_limit_exceptions</c> are not counted.</value>
    /// <remarks>Postfix <c>smtpd_client_new_tls_session_rate_limit</c>, postconf(5). Exceeding it: reply 454 4.7.0 to STARTTLS.</remarks>
    [ConfigurationKeyName("smtpd_client_new_tls_session_rate_limit"), Range(0, int.MaxValue)]
    public int ClientNewTlsSessionRateLimit { get; init; }

    /// <summary>Commands of one client the MTA may refuse per <c>anvil_rate_time_unit</c>, over all of its sessions.</summary>
    /// <value>0 (default) disables. Clients in <c>smtpd_client_event_limit_exceptions</c> are not counted.</value>
    /// <remarks>
    /// Exceeding it: reply 421 4.7.0 at connect, and at the next command of open sessions. Temporary refusals by greylisting (450, 451) are not counted.
    /// </remarks>
    [ConfigurationKeyName("shield_client_error_rate_limit"), Range(0, int.MaxValue)]
    public int ClientErrorRateLimit { get; init; }

    /// <summary>Logins of one client the MTA may refuse per <c>anvil_rate_time_unit</c>, over all of its sessions.</summary>
    /// <value>0 (default) disables. Clients in <c>smtpd_client_event_limit_exceptions</c> are not counted.</value>
    /// <remarks>Exceeding it: reply 421 4.7.0 at connect, and at the next AUTH of open sessions.</remarks>
    [ConfigurationKeyName("shield_client_auth_failure_rate_limit"), Range(0, int.MaxValue)]
    public int ClientAuthFailureRateLimit { get; init; }

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

    /// <summary>
    /// Junk commands (HELO, EHLO, RSET, NOOP, VRFY, ETRN, and what Postfix refuses but the MTA accepts) in a session, after which each further one counts as an
    /// error.
    /// </summary>
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

    /// <summary>Recipients the MTA may accept in one transaction.</summary>
    /// <value>Recipients, at least 1; 1000 by default.</value>
    /// <remarks>Postfix <c>smtpd_recipient_limit</c>, postconf(5). Exceeding it: reply 452 4.5.3.</remarks>
    [ConfigurationKeyName("smtpd_recipient_limit"), Range(1, int.MaxValue)]
    public int RecipientLimit { get; init; } = 1000;
}
