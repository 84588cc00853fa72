namespace SmtpShield.Options;

/// <summary>The MTA behind the shield: where it is and how long to wait for it.</summary>
public sealed record UpstreamOptions
{
    /// <summary>The MTAs' addresses. One that is written several times gets as many times as many sessions as one that is written once.</summary>
    /// <value><c>host:port</c>, <c>address:port</c> or <c>[address]:port</c>, several separated by commas or blanks; <c>127.0.0.1:10025</c> by default.</value>
    [ConfigurationKeyName("shield_upstream")]
    public IReadOnlyList<UpstreamAddress> Destinations { get; init; } = [];

    /// <summary>Which of several destinations gets a new session.</summary>
    /// <value><c>least-sessions</c> (default), <c>round-robin</c>, <c>first</c> or <c>client</c>.</value>
    [ConfigurationKeyName("shield_upstream_policy")]
    public UpstreamPolicy Policy { get; init; }

    /// <summary>How long a destination that was down takes to get all its sessions back.</summary>
    /// <value>0 disables; 30 seconds by default. A third of it for the only destination.</value>
    [ConfigurationKeyName("shield_upstream_slow_start"), TimeUnit('s'), MinimumSeconds(0)]
    public TimeSpan SlowStart { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long connecting to one address of a destination may take before the next one is tried.</summary>
    /// <value>At least 1 second; 5 seconds by default.</value>
    [ConfigurationKeyName("shield_upstream_connect_timeout"), TimeUnit('s'), MinimumSeconds(1)]
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long dialing may take in all, over all destinations and including the MTA's greeting.</summary>
    /// <value>At least 1 second; 30 seconds by default.</value>
    [ConfigurationKeyName("shield_upstream_greeting_timeout"), TimeUnit('s'), MinimumSeconds(1)]
    public TimeSpan GreetingTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long the MTA may take to answer a command.</summary>
    /// <value>At least 1 second; 300 seconds by default (RFC 5321 section 4.5.3.2).</value>
    [ConfigurationKeyName("shield_upstream_reply_timeout"), TimeUnit('s'), MinimumSeconds(1)]
    public TimeSpan ReplyTimeout { get; init; } = TimeSpan.FromSeconds(300);

    /// <summary>How long the MTA may take to answer the end of mail data.</summary>
    /// <value>At least 1 second; 600 seconds by default (RFC 5321 section 4.5.3.2.6, RFC 1047: a shorter wait makes duplicates).</value>
    [ConfigurationKeyName("shield_upstream_data_done_timeout"), TimeUnit('s'), MinimumSeconds(1)]
    public TimeSpan DataDoneTimeout { get; init; } = TimeSpan.FromSeconds(600);

    /// <summary>How long a destination that could not be reached is passed over while another one is available.</summary>
    /// <value>At least 1 second; 30 seconds by default.</value>
    [ConfigurationKeyName("shield_upstream_reactivation_time"), TimeUnit('s'), MinimumSeconds(1)]
    public TimeSpan ReactivationTime { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long nothing is heard of an MTA that serves before it is probed. One that does not is probed every 2 seconds whatever this is.</summary>
    /// <value>0 disables; 10 seconds by default.</value>
    [ConfigurationKeyName("shield_upstream_probe_interval"), TimeUnit('s'), MinimumSeconds(0)]
    public TimeSpan ProbeInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>When an MTA is dialed for a client.</summary>
    /// <value><c>auto</c> (default), <c>connect</c> or <c>mail</c>.</value>
    [ConfigurationKeyName("shield_upstream_connect")]
    public UpstreamConnect Connect { get; init; }

    /// <summary>How long a client that has said nothing the MTA is needed for keeps its session with the MTA while others wait for one.</summary>
    /// <value>0: none, its session is given back behind every command; 5 seconds by default.</value>
    [ConfigurationKeyName("shield_upstream_idle_release"), TimeUnit('s')]
    public TimeSpan IdleRelease { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Sessions at one destination at the same time, of all services that use it. Clients that find none wait their turn.</summary>
    /// <value>Sessions; 0 disables; 90 by default, which is below Postfix's <c>default_process_limit</c> of 100.</value>
    [ConfigurationKeyName("shield_upstream_session_limit"), Range(0, int.MaxValue)]
    public int SessionLimit { get; init; } = 90;

    /// <summary>Of these sessions, those that are kept free for known good clients.</summary>
    /// <value>Sessions, fewer than <see cref="SessionLimit"/>; 10 by default.</value>
    [ConfigurationKeyName("shield_upstream_reserve"), Range(0, int.MaxValue)]
    public int SessionReserve { get; init; } = 10;

    /// <summary>The share of the free sessions below which one client has to stay to get another one. One that has none may always have one.</summary>
    /// <value>Percent, 0 to 100; 0 (default) disables.</value>
    [ConfigurationKeyName("shield_upstream_client_share"), Range(0, 100)]
    public int ClientShare { get; init; }

    /// <summary>How long a client waits for a session at the MTA.</summary>
    /// <value>At least 1 second; 30 seconds by default. After it: reply 421 4.3.2.</value>
    [ConfigurationKeyName("shield_upstream_queue_time"), TimeUnit('s'), MinimumSeconds(1)]
    public TimeSpan QueueTime { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Whether a session with the MTA goes on with another client behind a message that was accepted in it.</summary>
    /// <value>yes or no (default).</value>
    [ConfigurationKeyName("shield_upstream_reuse")]
    public bool Reuse { get; init; }

    /// <summary>How old a session with the MTA may be when another client gets it.</summary>
    /// <value>At least 1 second; 30 seconds by default, so that what is changed in the MTA's tables is seen soon.</value>
    [ConfigurationKeyName("shield_upstream_reuse_time"), TimeUnit('s'), MinimumSeconds(1)]
    public TimeSpan ReuseTime { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How the MTA learns who the client is.</summary>
    /// <value><c>none</c> (default), <c>proxy-v1</c>, <c>proxy-v2</c>, <c>xclient</c> or <c>transparent</c>.</value>
    [ConfigurationKeyName("shield_client_handoff")]
    public ClientHandoff ClientHandoff { get; init; }
}
