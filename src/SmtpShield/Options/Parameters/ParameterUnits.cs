namespace SmtpShield.Options.Parameters;

/// <summary>What the numbers are of that may be set on the running shield, in the words of their pages.</summary>
internal static class ParameterUnits
{
    /// <summary>Of a time that is written without a unit, and of its range.</summary>
    public const string OfTimes = "seconds";

    private static readonly Dictionary<string, string> _ofNumbers = new(StringComparer.Ordinal)
    {
        ["default_process_limit"] = "sessions",
        ["line_length_limit"] = "octets",
        ["shield_ban_growth"] = "factor",
        ["shield_ban_ipv4_prefix_length"] = "bits",
        ["shield_ban_ipv6_prefix_length"] = "bits",
        ["shield_ban_threshold"] = "hits",
        ["shield_client_auth_failure_rate_limit"] = "refused logins",
        ["shield_client_error_rate_limit"] = "refused commands",
        ["shield_log_client_limit"] = "events a minute, of each kind",
        ["shield_max_chunk"] = "octets",
        ["shield_shared_exchange_rate"] = "exchanges a second",
        ["shield_tls_handshake_limit"] = "handshakes",
        ["shield_tls_passthrough_size_limit"] = "octets",
        ["shield_upstream_client_share"] = "percent of the sessions that are free",
        ["shield_upstream_reserve"] = "sessions",
        ["shield_upstream_session_limit"] = "sessions",
        ["smtpd_client_auth_rate_limit"] = "commands",
        ["smtpd_client_connection_count_limit"] = "connections",
        ["smtpd_client_connection_rate_limit"] = "attempts",
        ["smtpd_client_ipv4_prefix_length"] = "bits",
        ["smtpd_client_ipv6_prefix_length"] = "bits",
        ["smtpd_client_message_rate_limit"] = "commands",
        ["smtpd_client_new_tls_session_rate_limit"] = "TLS sessions",
        ["smtpd_client_recipient_rate_limit"] = "commands",
        ["smtpd_hard_error_limit"] = "errors",
        ["smtpd_junk_command_limit"] = "commands",
        ["smtpd_min_data_rate"] = "octets per second",
        ["smtpd_recipient_limit"] = "recipients",
        ["smtpd_recipient_overshoot_limit"] = "recipients",
        ["smtpd_soft_error_limit"] = "errors",
    };

    /// <summary>Those of numbers, by the parameter's name.</summary>
    public static IReadOnlyDictionary<string, string> OfNumbers => _ofNumbers;

    /// <summary>That of a parameter; null: it is a word, a list, or yes or no.</summary>
    public static string? Of(ParameterDefinition parameter) =>
        parameter.ValueType == typeof(TimeSpan) ? OfTimes : _ofNumbers.GetValueOrDefault(parameter.Name);
}
