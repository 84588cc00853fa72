using System.Net;

namespace SmtpShield.Options;

/// <summary>Where the shield listens, how many sessions it holds, and how it stops. The endpoints are read at start only.</summary>
public sealed record ListenerOptions
{
    /// <summary>The endpoints to listen on.</summary>
    /// <value><c>address:port</c> or <c>[address]:port</c>, several separated by commas or blanks; <c>0.0.0.0:25, [::]:25</c> by default.</value>
    [ConfigurationKeyName("shield_listen")]
    public IReadOnlyList<IPEndPoint> Endpoints { get; init; } = [];

    /// <summary>Sessions the service holds at the same time, and the length of the kernel's listen queue.</summary>
    /// <value>Sessions, at least 1; 10000 by default (Postfix: 100, because a session costs it a process).</value>
    /// <remarks>Postfix <c>default_process_limit</c>, postconf(5). When it is reached the shield stops accepting; clients wait in the listen queue.</remarks>
    [ConfigurationKeyName("default_process_limit"), Range(1, int.MaxValue)]
    public int DefaultProcessLimit { get; init; } = 10000;

    /// <summary>How long sessions may go on after SIGTERM to finish their mail transaction.</summary>
    /// <value>At least 0; 30 seconds by default.</value>
    [ConfigurationKeyName("shield_drain_timeout"), TimeUnit('s'), MinimumSeconds(0), SharedByServices]
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Whether connections to other hosts' addresses are accepted, which a router's packet filter diverts to the shield (nftables <c>tproxy</c>).
    /// </summary>
    /// <value>No by default. Needs the capability CAP_NET_ADMIN.</value>
    [ConfigurationKeyName("shield_listen_transparent")]
    public bool Transparent { get; init; }

    /// <summary>What waits for the sockets of clients and MTAs. Read at start only.</summary>
    /// <value><c>auto</c> by default.</value>
    [ConfigurationKeyName("shield_transport"), SharedByServices]
    public TransportChoice Transport { get; init; }
}
