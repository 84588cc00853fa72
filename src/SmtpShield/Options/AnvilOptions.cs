namespace SmtpShield.Options;

/// <summary>How events of a client are counted, anvil(8)'s part.</summary>
public sealed record AnvilOptions
{
    /// <summary>The window over which rates are counted. It starts with a client's first event.</summary>
    /// <value>At least 1 second; 60 seconds by default.</value>
    /// <remarks>Postfix <c>anvil_rate_time_unit</c>, postconf(5).</remarks>
    [ConfigurationKeyName("anvil_rate_time_unit"), TimeUnit('s'), MinimumSeconds(1), SharedByServices]
    public TimeSpan RateTimeUnit { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How often the largest counts are logged.</summary>
    /// <value>At least 1 second; 600 seconds by default.</value>
    /// <remarks>Postfix <c>anvil_status_update_time</c>, postconf(5).</remarks>
    [ConfigurationKeyName("anvil_status_update_time"), TimeUnit('s'), MinimumSeconds(1), SharedByServices]
    public TimeSpan StatusUpdateTime { get; init; } = TimeSpan.FromSeconds(600);

    /// <summary>Leading bits of an IPv4 address that tell clients apart.</summary>
    /// <value>0 to 32; 32 by default.</value>
    /// <remarks>Postfix <c>smtpd_client_ipv4_prefix_length</c>, postconf(5), since 3.8.</remarks>
    [ConfigurationKeyName("smtpd_client_ipv4_prefix_length"), Range(0, 32)]
    public int ClientIPv4PrefixLength { get; init; } = 32;

    /// <summary>Leading bits of an IPv6 address that tell clients apart.</summary>
    /// <value>0 to 128; 64 by default: what most customers have. Postfix has 84, with which that is a million clients.</value>
    /// <remarks>Postfix <c>smtpd_client_ipv6_prefix_length</c>, postconf(5), since 3.8.</remarks>
    [ConfigurationKeyName("smtpd_client_ipv6_prefix_length"), Range(0, 128)]
    public int ClientIPv6PrefixLength { get; init; } = 64;

    /// <summary>Clients the counter table holds at most.</summary>
    /// <value>At least 1000; 1000000 by default, at no more than 116 octets each.</value>
    [ConfigurationKeyName("shield_client_table_size"), Range(1000, 16_000_000), SharedByServices]
    public int ClientTableSize { get; init; } = 1_000_000;

    /// <summary>Clients of which is remembered what they were refused.</summary>
    /// <value>1000 to 1000000; 65536 by default, at some 250 octets each.</value>
    [ConfigurationKeyName("shield_history_size"), Range(1000, 1_000_000), SharedByServices]
    public int HistorySize { get; init; } = 65_536;

    /// <summary>Whether all that limits on clients could be on is counted, be they set or not, so that values for them can be proposed.</summary>
    /// <value><c>yes</c> by default.</value>
    [ConfigurationKeyName("shield_observe")]
    public bool Observe { get; init; } = true;

    /// <summary>How a rate is taken from counted events.</summary>
    /// <value><c>fixed</c> (default), as anvil(8) does, or <c>sliding</c>.</value>
    [ConfigurationKeyName("shield_rate_window"), SharedByServices]
    public RateWindow RateWindow { get; init; }
}
