using SmtpShield.PostfixConf.Parameters;

namespace SmtpShield.Options.Parameters;

/// <summary>
/// The built-in defaults as text, so that <c>postconf -d</c> prints them as Postfix does and <c>$stress</c> works in them. Those that depend on the host are in
/// <see cref="DerivedDefaults"/>.
/// </summary>
internal static class ParameterDefaults
{
    /// <summary>The defaults of the parameters that set an option.</summary>
    public static IReadOnlyDictionary<string, string> Options { get; } = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["anvil_rate_time_unit"] = "60s",
        ["anvil_status_update_time"] = "600s",
        ["default_process_limit"] = "10000",
        ["line_length_limit"] = "2048",
        ["maillog_file"] = "",
        ["shield_accept_lf_commands"] = "yes",
        ["shield_chunking"] = "yes",
        ["shield_client_auth_failure_rate_limit"] = "0",
        ["shield_client_error_rate_limit"] = "0",
        ["shield_client_handoff"] = "none",
        ["shield_client_table_size"] = "1000000",
        ["shield_drain_timeout"] = "30s",
        ["shield_listen"] = "0.0.0.0:25, [::]:25",
        ["shield_listen_transparent"] = "no",
        ["shield_max_chunk"] = "2147483647",
        ["shield_pass_ehlo_keywords"] = "",
        ["shield_proxy_event_limit_exceptions"] = "",
        ["shield_proxy_sources"] = "",
        ["shield_proxy_unknown"] = "accept",
        ["shield_rate_window"] = "fixed",
        ["shield_request_deadline"] = "60s",
        ["shield_services"] = "smtp",
        ["shield_session_time_limit"] = "0s",
        ["shield_tls_handshake_limit"] = "1000",
        ["shield_tls_handshake_timeout"] = "10s",
        ["shield_tls_passthrough_size_limit"] = "0",
        ["shield_upstream"] = "127.0.0.1:10025",
        ["shield_upstream_connect"] = "auto",
        ["shield_upstream_connect_timeout"] = "5s",
        ["shield_upstream_data_done_timeout"] = "600s",
        ["shield_upstream_greeting_timeout"] = "30s",
        ["shield_upstream_idle_release"] = "5s",
        ["shield_upstream_reactivation_time"] = "30s",
        ["shield_upstream_reply_timeout"] = "300s",
        ["shield_upstream_tls_CAfile"] = "",
        ["shield_upstream_tls_name"] = "",
        ["shield_upstream_tls_security_level"] = "none",
        ["shield_upstream_tls_wrappermode"] = "no",
        ["smtpd_client_auth_rate_limit"] = "0",
        ["smtpd_client_connection_count_limit"] = "50",
        ["smtpd_client_connection_rate_limit"] = "0",
        ["smtpd_client_event_limit_exceptions"] = "${smtpd_client_connection_limit_exceptions:$mynetworks}",
        ["smtpd_client_ipv4_prefix_length"] = "32",
        ["smtpd_client_ipv6_prefix_length"] = "64",
        ["smtpd_client_message_rate_limit"] = "0",
        ["smtpd_client_new_tls_session_rate_limit"] = "0",
        ["smtpd_client_recipient_rate_limit"] = "0",
        ["smtpd_discard_ehlo_keywords"] = "",
        ["smtpd_error_sleep_time"] = "1s",
        ["smtpd_forbid_bare_newline"] = "guard",
        ["smtpd_forbid_unauth_pipelining"] = "yes",
        ["smtpd_forbidden_commands"] = "CONNECT GET POST regexp:{{/^[^A-Z]/ Bogus}}",
        ["smtpd_hard_error_limit"] = "${stress?{1}:{20}}",
        ["smtpd_helo_required"] = "no",
        ["smtpd_junk_command_limit"] = "${stress?{1}:{100}}",
        ["smtpd_min_data_rate"] = "500",
        ["smtpd_peername_lookup"] = "${{$shield_client_handoff} == {xclient} ? {yes} : {no}}",
        ["smtpd_per_request_deadline"] = "${smtpd_per_record_deadline?{$smtpd_per_record_deadline}:{${stress?{yes}:{no}}}}",
        ["smtpd_recipient_limit"] = "1000",
        ["smtpd_recipient_overshoot_limit"] = "1000",
        ["smtpd_soft_error_limit"] = "10",
        ["smtpd_starttls_timeout"] = "${stress?{10}:{300}}s",
        ["smtpd_timeout"] = "${stress?{10}:{300}}s",
        ["smtpd_tls_auth_only"] = "no",
        ["smtpd_tls_cert_file"] = "",
        ["smtpd_tls_chain_files"] = "",
        ["smtpd_tls_key_file"] = "$smtpd_tls_cert_file",
        ["smtpd_tls_loglevel"] = "0",
        ["smtpd_tls_mandatory_protocols"] = ">=TLSv1.2",
        ["smtpd_tls_protocols"] = ">=TLSv1.2",
        ["smtpd_tls_security_level"] = "may",
        ["smtpd_tls_wrappermode"] = "no",
        ["smtpd_upstream_proxy_protocol"] = "",
        ["smtpd_upstream_proxy_timeout"] = "5s",
        ["syslog_facility"] = "mail",
        ["syslog_name"] = "smtpshield",
        ["tls_server_sni_maps"] = "",
    };

    /// <summary>The defaults of the parameters other values refer to.</summary>
    public static IReadOnlyDictionary<string, string> Supporting { get; } = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["mynetworks_style"] = "host",
        ["smtpd_client_connection_limit_exceptions"] = "",
        ["smtpd_per_record_deadline"] = "",
        ["stress"] = "",
    };
}
