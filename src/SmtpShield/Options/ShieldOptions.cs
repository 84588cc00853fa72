namespace SmtpShield.Options;

/// <summary>Everything that can be configured, expanded and validated: one immutable value, replaced whole by a reload.</summary>
public sealed record ShieldOptions
{
    /// <summary>Limits per client and per session.</summary>
    public SmtpdLimitOptions Limits { get; init; } = new();

    /// <summary>How client events are counted.</summary>
    public AnvilOptions Anvil { get; init; } = new();

    /// <summary>How a session is held.</summary>
    public SmtpdOptions Smtpd { get; init; } = new();

    /// <summary>Where the shield listens.</summary>
    public ListenerOptions Listener { get; init; } = new();

    /// <summary>The MTA behind the shield.</summary>
    public UpstreamOptions Upstream { get; init; } = new();

    /// <summary>TLS with clients.</summary>
    public TlsOptions Tls { get; init; } = new();

    /// <summary>TLS with the MTA.</summary>
    public UpstreamTlsOptions UpstreamTls { get; init; } = new();

    /// <summary>A proxy in front of the shield.</summary>
    public ProxyOptions Proxy { get; init; } = new();

    /// <summary>Which services there are.</summary>
    public ServiceOptions Service { get; init; } = new();

    /// <summary>Where a running shield is asked and told.</summary>
    public ControlOptions Control { get; init; } = new();

    /// <summary>Who is banned.</summary>
    public BanOptions Bans { get; init; } = new();

    /// <summary>With which shields counts are shared.</summary>
    public SharingOptions Sharing { get; init; } = new();

    /// <summary>Which limits are only judged.</summary>
    public ShadowOptions Shadow { get; init; } = new();

    /// <summary>Where log lines go.</summary>
    public LogOptions Log { get; init; } = new();

    /// <summary>
    /// The same configuration with a non-empty <c>$stress</c>, in force while the process limit is reached; null in stressed options themselves.
    /// </summary>
    /// <remarks>Postfix STRESS_README: the defaults <c>${stress?{10}:{300}}s</c> and their like.</remarks>
    public ShieldOptions? UnderStress { get; init; }

    /// <summary>Whether the configuration itself sets <c>stress</c>: then sessions have the stress values always.</summary>
    public bool IsStressForced { get; init; }

    /// <summary>What is judged in shadow beside what is enforced; null: nothing.</summary>
    public ShadowLimits? InShadow { get; init; }

    /// <summary>The options of each service, by name. Options of a service have none themselves.</summary>
    public IReadOnlyDictionary<string, ShieldOptions> Services { get; init; } = new Dictionary<string, ShieldOptions>();

    /// <summary>The options of a service; of one that is not there any more, those without a service's own values.</summary>
    public ShieldOptions Of(string service) => Services.GetValueOrDefault(service, this);

    /// <summary>The options in force for a session that begins now.</summary>
    /// <param name="isUnderStress">Whether the service is under stress.</param>
    public ShieldOptions When(bool isUnderStress) => isUnderStress ? UnderStress ?? this : this;
}
