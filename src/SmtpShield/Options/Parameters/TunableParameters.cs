namespace SmtpShield.Options.Parameters;

/// <summary>
/// Which parameters may be set on the running shield: limits and times, and whom the limits are not for. Never what names a file, an end point, an MTA, a
/// certificate or a user, or is read at the start: who may tune must not become one who reads files, or sends mail elsewhere.
/// </summary>
internal static class TunableParameters
{
    private const string NamesFile = "it names files, which only main.cf may do";
    private const string NamesEndpoint = "it says where the shield listens, which is read at the start";
    private const string NamesMta = "it says which MTA gets the mail, and how it is spoken to";
    private const string SaysWhoIs = "it says who the client is, or may say so";
    private const string IsProtocol = "it is a rule of the protocol, not a limit";
    private const string IsTls = "it is about TLS, not a limit";
    private const string IsLog = "it is about the log";
    private const string IsStart = "it is read at the start";
    private const string IsMemory = "it bounds the memory of the shield";
    private const string SaysWhoCounts = "it says with which shields counts are shared";
    private const string IsForOthers = "other values refer to it, and files may be among them";

    private static readonly HashSet<string> _tunable = new(StringComparer.Ordinal)
    {
        // Limits on a client, and how it is counted.
        "anvil_rate_time_unit",
        "shield_client_auth_failure_rate_limit",
        "shield_client_error_rate_limit",
        "shield_observe",
        "shield_proxy_event_limit_exceptions",
        "shield_rate_window",
        "shield_shared",
        "shield_shared_exchange_rate",
        "shield_shared_lease",
        "shield_shared_mode",
        "shield_shared_upstream",
        "smtpd_client_auth_rate_limit",
        "smtpd_client_connection_count_limit",
        "smtpd_client_connection_rate_limit",
        "smtpd_client_event_limit_exceptions",
        "smtpd_client_ipv4_prefix_length",
        "smtpd_client_ipv6_prefix_length",
        "smtpd_client_message_rate_limit",
        "smtpd_client_new_tls_session_rate_limit",
        "smtpd_client_recipient_rate_limit",

        // Limits on a session, and its times.
        "line_length_limit",
        "shield_max_chunk",
        "shield_request_deadline",
        "shield_session_time_limit",
        "shield_tls_passthrough_size_limit",
        "smtpd_error_sleep_time",
        "smtpd_forbid_unauth_pipelining",
        "smtpd_hard_error_limit",
        "smtpd_helo_required",
        "smtpd_junk_command_limit",
        "smtpd_min_data_rate",
        "smtpd_per_request_deadline",
        "smtpd_recipient_limit",
        "smtpd_recipient_overshoot_limit",
        "smtpd_soft_error_limit",
        "smtpd_timeout",

        // What is done with who breaks them.
        "shield_ban_action",
        "shield_ban_exceptions",
        "shield_ban_growth",
        "shield_ban_ipv4_prefix_length",
        "shield_ban_ipv6_prefix_length",
        "shield_ban_memory",
        "shield_ban_rules",
        "shield_ban_threshold",
        "shield_ban_time",
        "shield_ban_time_limit",
        "shield_ban_window",
        "shield_shadow",

        // Limits on all of a service, and its times.
        "default_process_limit",
        "shield_drain_timeout",
        "shield_log_client_limit",
        "shield_tls_handshake_limit",
        "shield_tls_handshake_timeout",
        "smtpd_starttls_timeout",
        "smtpd_upstream_proxy_timeout",
        "stress",

        // Limits on what the MTA gets, and its times.
        "shield_upstream_client_share",
        "shield_upstream_connect_timeout",
        "shield_upstream_data_done_timeout",
        "shield_upstream_greeting_timeout",
        "shield_upstream_idle_release",
        "shield_upstream_probe_interval",
        "shield_upstream_queue_time",
        "shield_upstream_reactivation_time",
        "shield_upstream_reply_timeout",
        "shield_upstream_reserve",
        "shield_upstream_reuse_time",
        "shield_upstream_session_limit",
        "shield_upstream_slow_start",
    };

    private static readonly Dictionary<string, string> _whyNot = new(StringComparer.Ordinal)
    {
        ["anvil_status_update_time"] = IsLog,
        ["maillog_file"] = NamesFile,
        ["mydomain"] = IsForOthers,
        ["myhostname"] = IsForOthers,
        ["mynetworks"] = IsForOthers,
        ["mynetworks_style"] = IsForOthers,
        ["shield_accept_lf_commands"] = IsProtocol,
        ["shield_admin_hosts"] = NamesEndpoint,
        ["shield_admin_listen"] = NamesEndpoint,
        ["shield_admin_tls_chain_files"] = NamesFile,
        ["shield_admin_users_file"] = NamesFile,
        ["shield_ban_table_size"] = IsMemory,
        ["shield_chunking"] = IsProtocol,
        ["shield_client_handoff"] = NamesMta,
        ["shield_client_table_size"] = IsMemory,
        ["shield_control_socket"] = NamesFile,
        ["shield_event_log_file"] = NamesFile,
        ["shield_history_size"] = IsMemory,
        ["shield_listen"] = NamesEndpoint,
        ["shield_listen_transparent"] = NamesEndpoint,
        ["shield_metrics_listen"] = NamesEndpoint,
        ["shield_pass_ehlo_keywords"] = IsProtocol,
        ["shield_proxy_sources"] = SaysWhoIs,
        ["shield_proxy_unknown"] = SaysWhoIs,
        ["shield_services"] = IsStart,
        ["shield_shared_name"] = SaysWhoCounts,
        ["shield_shared_password_file"] = NamesFile,
        ["shield_shared_prefix"] = SaysWhoCounts,
        ["shield_shared_store"] = SaysWhoCounts,
        ["shield_shared_tls_CAfile"] = NamesFile,
        ["shield_shared_user"] = SaysWhoCounts,
        ["shield_state_directory"] = NamesFile,
        ["shield_transport"] = IsStart,
        ["shield_upstream"] = NamesMta,
        ["shield_upstream_connect"] = NamesMta,
        ["shield_upstream_policy"] = NamesMta,
        ["shield_upstream_reuse"] = NamesMta,
        ["shield_upstream_tls_CAfile"] = NamesFile,
        ["shield_upstream_tls_name"] = NamesMta,
        ["shield_upstream_tls_security_level"] = NamesMta,
        ["shield_upstream_tls_wrappermode"] = NamesMta,
        ["smtpd_client_connection_limit_exceptions"] = IsForOthers,
        ["smtpd_discard_ehlo_keywords"] = IsProtocol,
        ["smtpd_forbid_bare_newline"] = "it protects the message",
        ["smtpd_forbidden_commands"] = IsProtocol,
        ["smtpd_peername_lookup"] = SaysWhoIs,
        ["smtpd_per_record_deadline"] = IsForOthers,
        ["smtpd_tls_auth_only"] = IsTls,
        ["smtpd_tls_cert_file"] = NamesFile,
        ["smtpd_tls_chain_files"] = NamesFile,
        ["smtpd_tls_key_file"] = NamesFile,
        ["smtpd_tls_loglevel"] = IsLog,
        ["smtpd_tls_mandatory_protocols"] = IsTls,
        ["smtpd_tls_protocols"] = IsTls,
        ["smtpd_tls_security_level"] = IsTls,
        ["smtpd_tls_wrappermode"] = IsTls,
        ["smtpd_upstream_proxy_protocol"] = SaysWhoIs,
        ["syslog_facility"] = IsLog,
        ["syslog_name"] = IsLog,
        ["tls_server_sni_maps"] = NamesFile,
    };

    /// <summary>Their names, in order.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. _tunable.Order(StringComparer.Ordinal)];

    /// <summary>Those that may not, and why.</summary>
    public static IReadOnlyDictionary<string, string> Others => _whyNot;

    /// <summary>Whether a parameter may be set.</summary>
    /// <param name="name">Its name, without a service.</param>
    public static bool Contains(string name) => _tunable.Contains(name);

    /// <summary>Why one that is no tunable parameter may not be set.</summary>
    public static string WhyNot(string name) => _whyNot.GetValueOrDefault(name, "it is none of those that may");
}
