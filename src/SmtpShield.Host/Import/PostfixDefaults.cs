using System.Globalization;

namespace SmtpShield.Host.Import;

/// <summary>Defaults of Postfix that values refer to and that the shield has not, or has otherwise.</summary>
internal static class PostfixDefaults
{
    /// <summary>Postfix's <c>default_process_limit</c>.</summary>
    public const int ProcessLimit = 100;

    /// <summary>
    /// Postfix's <c>smtpd_tls_protocols</c> and <c>smtpd_tls_mandatory_protocols</c> in 3.7; before 3.6 the same is written <c>!SSLv2, !SSLv3</c>.
    /// </summary>
    public const string TlsProtocols = ">=TLSv1";

    /// <summary>The values by name.</summary>
    public static IReadOnlyDictionary<string, string> Values { get; } = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["default_process_limit"] = ProcessLimit.ToString(CultureInfo.InvariantCulture),
        ["inet_interfaces"] = "all",
        ["mail_name"] = "Postfix",
        ["multi_instance_name"] = "",
        ["smtpd_forbid_bare_newline"] = "no",
        ["smtpd_forbid_unauth_pipelining"] = "no",
        ["smtpd_forbidden_commands"] = "CONNECT GET POST",
        ["smtpd_peername_lookup"] = "yes",
        ["smtpd_sasl_security_options"] = "noanonymous",
        ["smtpd_tls_security_level"] = "",
        ["syslog_name"] = "${multi_instance_name?{$multi_instance_name}:{postfix}}",
    };
}
