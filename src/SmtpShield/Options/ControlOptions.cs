using System.Net;

namespace SmtpShield.Options;

/// <summary>Where a running shield is asked how it is and told what to do, and where it keeps that. Read at start only.</summary>
public sealed record ControlOptions
{
    /// <summary>The longest path: <c>sun_path</c> of unix(7) less what the socket's first name has behind it.</summary>
    public const int MaxPathLength = 96;

    /// <summary>The Unix socket of the commands <c>status</c> and <c>upstream</c>, and of the API they use.</summary>
    /// <value>A path; empty: none. <c>/run/smtpshield/control.sock</c> in the built-in defaults.</value>
    [ConfigurationKeyName("shield_control_socket"), SharedByServices]
    public string Socket { get; init; } = "";

    /// <summary>The directory where the shield keeps over a restart what it was told and has learned.</summary>
    /// <value>A path; empty: nothing is kept. <c>/var/lib/smtpshield</c> in the built-in defaults.</value>
    [ConfigurationKeyName("shield_state_directory"), SharedByServices]
    public string StateDirectory { get; init; } = "";

    /// <summary>Where monitoring reads metrics and health over HTTP.</summary>
    /// <value><c>address:port</c> or <c>[address]:port</c>, several separated by commas or blanks; empty, as by default: nowhere.</value>
    [ConfigurationKeyName("shield_metrics_listen"), SharedByServices]
    public IReadOnlyList<IPEndPoint> MetricsEndpoints { get; init; } = [];

    /// <summary>Where users of <see cref="AdminUsersFile"/> ask how the shield is and tell it what to do, over HTTP.</summary>
    /// <value><c>address:port</c> or <c>[address]:port</c>, several separated by commas or blanks; empty, as by default: nowhere.</value>
    [ConfigurationKeyName("shield_admin_listen"), SharedByServices]
    public IReadOnlyList<IPEndPoint> AdminEndpoints { get; init; } = [];

    /// <summary>Who may log in on <see cref="AdminEndpoints"/>. Read again when it changes.</summary>
    /// <value>A path; empty by default.</value>
    [ConfigurationKeyName("shield_admin_users_file"), SharedByServices]
    public string AdminUsersFile { get; init; } = "";

    /// <summary>PEM files with the private key and, behind it, the certificates of <see cref="AdminEndpoints"/>. Read again when they change.</summary>
    /// <value>File names; empty by default: without TLS, which only a loopback address may be.</value>
    [ConfigurationKeyName("shield_admin_tls_chain_files"), SharedByServices]
    public IReadOnlyList<string> AdminChainFiles { get; init; } = [];

    /// <summary>Names that <see cref="AdminEndpoints"/> may be asked by, beside their addresses and <c>localhost</c>.</summary>
    /// <value>Host names; empty by default.</value>
    [ConfigurationKeyName("shield_admin_hosts"), SharedByServices]
    public IReadOnlyList<string> AdminHosts { get; init; } = [];

    /// <summary>Whether anybody can ask how it is.</summary>
    internal bool IsAsked => Socket.Length > 0 || AdminEndpoints.Count > 0;
}
