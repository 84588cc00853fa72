namespace SmtpShield.Options;

/// <summary>Where log lines go and what they are tagged with. Read at start and at each reload.</summary>
public sealed record LogOptions
{
    /// <summary>The file log lines are appended to; <c>/dev/stdout</c> is allowed.</summary>
    /// <value>A path; empty by default: syslog when <c>/dev/log</c> exists, else standard output.</value>
    /// <remarks>Postfix <c>maillog_file</c>, postconf(5).</remarks>
    [ConfigurationKeyName("maillog_file"), SharedByServices]
    public string MaillogFile { get; init; } = "";

    /// <summary>The file the log is also written to as JSON.</summary>
    /// <value>A path; empty by default: none.</value>
    [ConfigurationKeyName("shield_event_log_file"), SharedByServices]
    public string EventLogFile { get; init; } = "";

    /// <summary>The name in front of the process name in log lines; a service's own in those about its clients.</summary>
    /// <value>A word; <c>smtpshield</c> by default, as in <c>smtpshield/smtpd[1234]:</c>.</value>
    /// <remarks>Postfix <c>syslog_name</c>, postconf(5), and <c>-o syslog_name=postfix/submission</c> in master.cf.</remarks>
    [ConfigurationKeyName("syslog_name")]
    public string SyslogName { get; init; } = "smtpshield";

    /// <summary>The syslog facility.</summary>
    /// <value><c>mail</c> by default.</value>
    /// <remarks>Postfix <c>syslog_facility</c>, postconf(5).</remarks>
    [ConfigurationKeyName("syslog_facility"), SharedByServices]
    public string SyslogFacility { get; init; } = "mail";

    /// <summary>Events a minute that are logged of each client and kind; further ones are counted.</summary>
    /// <value>0 to 65535; 10 by default, 0 for no limit.</value>
    [ConfigurationKeyName("shield_log_client_limit"), Range(0, ushort.MaxValue)]
    public int ClientLimit { get; init; } = 10;
}
