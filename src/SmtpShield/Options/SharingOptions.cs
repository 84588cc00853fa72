namespace SmtpShield.Options;

/// <summary>With which other shields what clients do is counted together, and how.</summary>
public sealed record SharingOptions
{
    /// <summary>Exchanges that fit into <see cref="Lease"/> at least.</summary>
    public const int ExchangesOfALease = 10;

    /// <summary>The longest <see cref="Lease"/>.</summary>
    public static readonly TimeSpan LongestLease = TimeSpan.FromMinutes(5);

    /// <summary>Where the shields say to each other what they count: a Redis or Valkey, from 6.0 on.</summary>
    /// <value>Stores, separated by commas or blanks, which share the clients: <c>redis://HOST:PORT</c>, <c>rediss://HOST:PORT</c> with TLS, or
    /// <c>unix:/path</c>; the nodes of one store joined by <c>+</c>, and <c>?partitions=16</c> behind those of a Redis Cluster. Empty (default): this shield
    /// counts alone.</value>
    [ConfigurationKeyName("shield_shared_store"), SharedByServices]
    public string Store { get; init; } = "";

    /// <summary>As whom the shield logs in to the store.</summary>
    /// <value>A name; empty by default: the store's default user.</value>
    [ConfigurationKeyName("shield_shared_user"), SharedByServices]
    public string User { get; init; } = "";

    /// <summary>The file with the password of <see cref="User"/>, alone on its first line.</summary>
    /// <value>A path; empty by default: none. Others must not be able to read it.</value>
    [ConfigurationKeyName("shield_shared_password_file"), SharedByServices]
    public string PasswordFile { get; init; } = "";

    /// <summary>Who may have signed the store's certificate, as PEM.</summary>
    /// <value>A path; empty by default: whom the system trusts.</value>
    [ConfigurationKeyName("shield_shared_tls_CAfile"), SharedByServices]
    public string CAFile { get; init; } = "";

    /// <summary>What all keys in the store begin with: shields with the same one share.</summary>
    /// <value>1 to 32 letters, digits, <c>_</c> and <c>-</c>; <c>smtpshield</c> by default.</value>
    [ConfigurationKeyName("shield_shared_prefix"), SharedByServices]
    public string Prefix { get; init; } = "smtpshield";

    /// <summary>What the other shields call this one in their logs.</summary>
    /// <value><c>$myhostname</c> by default.</value>
    [ConfigurationKeyName("shield_shared_name"), SharedByServices]
    public string Name { get; init; } = "";

    /// <summary>How often in a second the shield asks the store, and tells it.</summary>
    /// <value>1 to 50; 10 by default.</value>
    [ConfigurationKeyName("shield_shared_exchange_rate"), Range(1, 50), SharedByServices]
    public int ExchangeRate { get; init; } = 10;

    /// <summary>For how long the connections of a shield count that says nothing more.</summary>
    /// <value>3 to 300 seconds, and at least 10 exchanges; 10 seconds by default.</value>
    [ConfigurationKeyName("shield_shared_lease"), TimeUnit('s'), MinimumSeconds(3), SharedByServices]
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Whether the sessions at an MTA (<see cref="UpstreamOptions.SessionLimit"/>) are those of all shields together, each with its part of them.
    /// </summary>
    /// <value><c>no</c> by default: each shield may have as many.</value>
    [ConfigurationKeyName("shield_shared_upstream"), SharedByServices]
    public bool DividesUpstream { get; init; }

    /// <summary>When an event waits for what other shields count.</summary>
    /// <value><c>async</c> (default), never; <c>near</c>, where all together could be at a limit; <c>strict</c>, whenever there is a limit on it.</value>
    [ConfigurationKeyName("shield_shared_mode")]
    public SharingMode Mode { get; init; }

    /// <summary>Whether what clients do at this service is shared.</summary>
    /// <value><c>yes</c> by default; of use with a <see cref="Store"/> only.</value>
    [ConfigurationKeyName("shield_shared")]
    public bool IsShared { get; init; } = true;
}
