namespace SmtpShield.Configuration.Parameters;

/// <summary>The built-in defaults as text, so that <c>postconf -d</c> prints them as Postfix does and <c>$stress</c> works in them. Those that depend on the host are in <see cref="DerivedDefaults"/>.</summary>
internal static class ParameterDefaults
{
    /// <summary>The defaults of the parameters that set an option.</summary>
    public static IReadOnlyDictionary<string, string> Options { get; } = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["anvil_rate_time_unit"] = "60s",
        ["default_process_limit"] = "10000",
        ["line_length_limit"] = "2048",
        ["maillog_file"] = "",
        ["shield_drain_timeout"] = "30s",
        ["shield_listen"] = "0.0.0.0:25, [::]:25",
        ["shield_pass_ehlo_keywords"] = "",
        ["shield_upstream"] = "127.0.0.1:10025",
        ["shield_upstream_connect_timeout"] = "5s",
        ["shield_upstream_data_done_timeout"] = "600s",
        ["shield_upstream_greeting_timeout"] = "30s",
        ["shield_upstream_reactivation_time"] = "30s",
        ["shield_upstream_reply_timeout"] = "300s",
        ["smtpd_client_connection_count_limit"] = "50",
        ["smtpd_client_connection_rate_limit"] = "0",
        ["smtpd_client_event_limit_exceptions"] = "${smtpd_client_connection_limit_exceptions:$mynetworks}",
        ["smtpd_error_sleep_time"] = "1s",
        ["smtpd_hard_error_limit"] = "${stress?{1}:{20}}",
        ["smtpd_junk_command_limit"] = "${stress?{1}:{100}}",
        ["smtpd_recipient_overshoot_limit"] = "1000",
        ["smtpd_soft_error_limit"] = "10",
        ["smtpd_timeout"] = "${stress?{10}:{300}}s",
        ["syslog_facility"] = "mail",
        ["syslog_name"] = "smtpshield",
    };

    /// <summary>The defaults of the parameters other values refer to.</summary>
    public static IReadOnlyDictionary<string, string> Supporting { get; } = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["mynetworks_style"] = "host",
        ["smtpd_client_connection_limit_exceptions"] = "",
        ["stress"] = "",
    };
}
