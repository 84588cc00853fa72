namespace SmtpShield.Configuration;

/// <summary>How events of a client are counted, anvil(8)'s part.</summary>
public sealed record AnvilOptions
{
    /// <summary>The window over which rates are counted. It starts with a client's first event.</summary>
    /// <value>At least 1 second; 60 seconds by default.</value>
    /// <remarks>Postfix <c>anvil_rate_time_unit</c>, postconf(5).</remarks>
    [ConfigurationKeyName("anvil_rate_time_unit"), TimeUnit('s'), MinimumSeconds(1)]
    public TimeSpan RateTimeUnit { get; init; } = TimeSpan.FromSeconds(60);
}
