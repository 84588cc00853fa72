using SmtpShield.PostfixConf.Patterns;

namespace SmtpShield.Options;

/// <summary>Who is banned by what it does, for how long, and what the banned are told. Judged by the newest snapshot.</summary>
public sealed record BanOptions
{
    /// <summary>The rules whose hits can ban: those on clients, and those that end a session.</summary>
    public static readonly IReadOnlyList<string> KnownRules =
    [
        "smtpd_client_connection_count_limit", "smtpd_client_connection_rate_limit", "smtpd_client_message_rate_limit", "smtpd_client_recipient_rate_limit",
        "smtpd_client_new_tls_session_rate_limit", "smtpd_client_auth_rate_limit", "shield_client_error_rate_limit", "shield_client_auth_failure_rate_limit",
        "smtpd_hard_error_limit", "smtpd_forbid_unauth_pipelining", "smtpd_forbidden_commands",
    ];

    /// <summary>Hits of <see cref="Rules"/> within <see cref="Window"/> that ban a client, at every service.</summary>
    /// <value>Hits; 0 (default) bans nobody. A service's own 0 makes its hits not count.</value>
    [ConfigurationKeyName("shield_ban_threshold"), Range(0, 100_000)]
    public int Threshold { get; init; }

    /// <summary>The window hits are counted over. It starts with a client's first one.</summary>
    /// <value>At least 1 second; 600 seconds by default.</value>
    [ConfigurationKeyName("shield_ban_window"), TimeUnit('s'), MinimumSeconds(1), SharedByServices]
    public TimeSpan Window { get; init; } = TimeSpan.FromSeconds(600);

    /// <summary>Which hits count.</summary>
    /// <value>Names out of <see cref="KnownRules"/>; by default not the connection and message rates, which honest clients hit when they try again.</value>
    [ConfigurationKeyName("shield_ban_rules"), SharedByServices]
    public IReadOnlyList<string> Rules { get; init; } =
    [
        "smtpd_hard_error_limit", "shield_client_error_rate_limit", "shield_client_auth_failure_rate_limit", "smtpd_forbidden_commands",
        "smtpd_forbid_unauth_pipelining",
    ];

    /// <summary>How long a first ban lasts, give or take a tenth.</summary>
    /// <value>At least 1 second; 600 seconds by default.</value>
    [ConfigurationKeyName("shield_ban_time"), TimeUnit('s'), MinimumSeconds(1), SharedByServices]
    public TimeSpan Time { get; init; } = TimeSpan.FromSeconds(600);

    /// <summary>How many times as long each further ban within <see cref="Memory"/> lasts.</summary>
    /// <value>1 to 100; 4 by default.</value>
    [ConfigurationKeyName("shield_ban_growth"), Range(1, 100), SharedByServices]
    public int Growth { get; init; } = 4;

    /// <summary>How long an automatic ban lasts at most, and one by hand that says nothing else.</summary>
    /// <value>At least 1 second; 1 day by default.</value>
    [ConfigurationKeyName("shield_ban_time_limit"), TimeUnit('s'), MinimumSeconds(1), SharedByServices]
    public TimeSpan TimeLimit { get; init; } = TimeSpan.FromDays(1);

    /// <summary>How long a ban that is over makes the next one longer.</summary>
    /// <value>At least 0; 7 days by default.</value>
    [ConfigurationKeyName("shield_ban_memory"), TimeUnit('s'), MinimumSeconds(0), SharedByServices]
    public TimeSpan Memory { get; init; } = TimeSpan.FromDays(7);

    /// <summary>Leading bits of an IPv4 address that an automatic ban covers.</summary>
    /// <value>16 to 32; 32 by default.</value>
    [ConfigurationKeyName("shield_ban_ipv4_prefix_length"), Range(16, 32), SharedByServices]
    public int IPv4PrefixLength { get; init; } = 32;

    /// <summary>Leading bits of an IPv6 address that an automatic ban covers.</summary>
    /// <value>32 to 128; 64 by default: what most customers have.</value>
    [ConfigurationKeyName("shield_ban_ipv6_prefix_length"), Range(32, 128), SharedByServices]
    public int IPv6PrefixLength { get; init; } = 64;

    /// <summary>Clients that are not banned, beside those that are not limited.</summary>
    /// <value>Address patterns; none by default.</value>
    [ConfigurationKeyName("shield_ban_exceptions")]
    public AddressPatternList Exceptions { get; init; } = AddressPatternList.Empty;

    /// <summary>Bans there may be at a time.</summary>
    /// <value>100 to 1000000; 100000 by default, of some 250 octets each.</value>
    [ConfigurationKeyName("shield_ban_table_size"), Range(100, 1_000_000), SharedByServices]
    public int TableSize { get; init; } = 100_000;

    /// <summary>What becomes of a connection of a banned client.</summary>
    /// <value><c>refuse</c> (default): 421; or <c>reset</c>.</value>
    [ConfigurationKeyName("shield_ban_action")]
    public BanAction Action { get; init; }
}
