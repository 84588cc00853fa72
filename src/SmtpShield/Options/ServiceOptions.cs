namespace SmtpShield.Options;

/// <summary>Which services there are. Read at start only.</summary>
public sealed record ServiceOptions
{
    /// <summary>The name of the service there is by default, as in Postfix's master.cf.</summary>
    public const string DefaultName = "smtp";

    /// <summary>The names of the services, each with end points, options and counters of its own.</summary>
    /// <value>Names as in master.cf; <c>smtp</c> by default. A parameter of one service is written <c>submission/inet/name = value</c>, as <c>postconf -P</c>
    /// prints it.</value>
    [ConfigurationKeyName("shield_services"), SharedByServices]
    public IReadOnlyList<string> Names { get; init; } = [DefaultName];
}
