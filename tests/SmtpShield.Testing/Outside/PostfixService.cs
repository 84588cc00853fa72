namespace SmtpShield.Testing.Outside;

/// <summary>One smtpd(8) service of a <see cref="PostfixInstance"/>, on a port of its own, with its own parameters and its own counters in anvil(8).</summary>
/// <param name="Name">Its name in the test, and in its <c>syslog_name</c>.</param>
/// <param name="Parameters">What differs from the instance's main.cf.</param>
/// <param name="ProcessLimit">master.cf's maxproc; <see langword="null"/> for <c>default_process_limit</c>.</param>
public sealed record PostfixService(string Name, IReadOnlyDictionary<string, string> Parameters, int? ProcessLimit = null)
{
    /// <summary>Its <c>syslog_name</c>.</summary>
    public string SyslogName => "postfix/" + Name;

    /// <summary>A service whose limits are all switched off, as the MTA behind a shield has them.</summary>
    public static PostfixService WithoutLimits(string name, IReadOnlyDictionary<string, string>? parameters = null) =>
        new(name, new Dictionary<string, string>(parameters ?? new Dictionary<string, string>())
        {
            ["smtpd_client_connection_rate_limit"] = "0",
            ["smtpd_client_connection_count_limit"] = "0",
            ["smtpd_soft_error_limit"] = "100000",
            ["smtpd_hard_error_limit"] = "100000",
            ["smtpd_junk_command_limit"] = "100000",
            ["smtpd_error_sleep_time"] = "0",
        });
}
