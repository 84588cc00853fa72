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

    /// <summary>Junk commands above it are errors.</summary>
    public const string JunkCommands = "smtpd_junk_command_limit";

    /// <summary>Commands are refused before HELO or EHLO.</summary>
    public const string Helo = "smtpd_helo_required";

    /// <summary>How long a session may last.</summary>
    public const string SessionTime = "shield_session_time_limit";

    /// <summary>How long a whole command may take.</summary>
    public const string RequestDeadline = "smtpd_per_request_deadline";

    /// <summary>How fast content must come.</summary>
    public const string DataRate = "smtpd_min_data_rate";

    /// <summary>How long the client may be silent.</summary>
    public const string Timeout = "smtpd_timeout";

    /// <summary>How long a line that is begun may take.</summary>
    public const string LineDeadline = "shield_request_deadline";

    /// <summary>How long a handshake with the MTA may be waited for, behind a STARTTLS that was passed on.</summary>
    public const string HandshakeTimeout = "shield_tls_handshake_timeout";

    /// <summary>
    /// So many hits ban a client. A rule in shadow only, where a hit is a ban there would have been: those there are, are counted by themselves.
    /// </summary>
    public const string Bans = "shield_ban_threshold";

    /// <summary>All rules: limits on clients, in their order, then those on sessions.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        "smtpd_client_connection_count_limit", "smtpd_client_connection_rate_limit", "smtpd_client_message_rate_limit", "smtpd_client_recipient_rate_limit",
        "smtpd_client_new_tls_session_rate_limit", "smtpd_client_auth_rate_limit", "shield_client_error_rate_limit", "shield_client_auth_failure_rate_limit",
        SoftErrors, HardErrors, Recipients, Pipelining, ForbiddenCommands, JunkCommands, Helo, SessionTime, RequestDeadline, DataRate,
        Timeout, LineDeadline, HandshakeTimeout,
    ];

    private static readonly Dictionary<string, int> _indices =
        All.Append(Bans).Index().ToDictionary(static rule => rule.Item, static rule => rule.Index, StringComparer.Ordinal);

    /// <summary>Which of <see cref="All"/> a parameter is; null: none.</summary>
    public static int? Find(string parameter) => parameter != Bans && _indices.TryGetValue(parameter, out var index) ? index : null;

    /// <summary>Which of <see cref="All"/> a rule is; <see cref="Bans"/> is behind them.</summary>
    /// <exception cref="KeyNotFoundException">None.</exception>
    public static int IndexOf(string rule) => _indices[rule];
}
