namespace SmtpShield.Metrics;

internal static class LimitRules
{
    /// <summary>From so many errors on replies are delayed; a hit is a session.</summary>
    public const string SoftErrors = "smtpd_soft_error_limit";

    /// <summary>So many errors end a session.</summary>
    public const string HardErrors = "smtpd_hard_error_limit";

    /// <summary>Recipients of a message.</summary>
    public const string Recipients = "smtpd_recipient_limit";

    /// <summary>Input before its time ends a session.</summary>
    public const string Pipelining = "smtpd_forbid_unauth_pipelining";

    /// <summary>What is not SMTP ends a session.</summary>
    public const string ForbiddenCommands = "smtpd_forbidden_commands";

    /// <summary>Commands that need a HELO or EHLO before them.</summary>
    public const string HeloRequired = "smtpd_helo_required";

    /// <summary>So many commands that do nothing are free; a hit is a command that counts as an error.</summary>
    public const string JunkCommands = "smtpd_junk_command_limit";

    /// <summary>The client's next octets, or its next command where <c>smtpd_per_request_deadline</c> is on.</summary>
    public const string Timeout = "smtpd_timeout";

    /// <summary>Content that comes too slowly.</summary>
    public const string DataRate = "smtpd_min_data_rate";

    /// <summary>A line that is begun and not ended.</summary>
    public const string RequestDeadline = "shield_request_deadline";

    /// <summary>A session's age.</summary>
    public const string SessionTime = "shield_session_time_limit";

    /// <summary>A handshake with the MTA behind a STARTTLS that was passed on.</summary>
    public const string HandshakeTimeout = "shield_tls_handshake_timeout";

    /// <summary>All rules: limits on clients, in their order, then those on sessions.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        "smtpd_client_connection_count_limit", "smtpd_client_connection_rate_limit", "smtpd_client_message_rate_limit", "smtpd_client_recipient_rate_limit",
        "smtpd_client_new_tls_session_rate_limit", "smtpd_client_auth_rate_limit", "shield_client_error_rate_limit", "shield_client_auth_failure_rate_limit",
        SoftErrors, HardErrors, Recipients, Pipelining, ForbiddenCommands, HeloRequired, JunkCommands,
        Timeout, DataRate, RequestDeadline, SessionTime, HandshakeTimeout,
    ];

    private static readonly Dictionary<string, int> _indices =
        All.Index().ToDictionary(static rule => rule.Item, static rule => rule.Index, StringComparer.Ordinal);

    /// <summary>Which of <see cref="All"/> a rule is.</summary>
    /// <exception cref="KeyNotFoundException">None.</exception>
    public static int IndexOf(string rule) => _indices[rule];
}
