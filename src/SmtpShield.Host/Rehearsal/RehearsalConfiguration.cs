using System.Net;
using SmtpShield.Options;
using SmtpShield.PostfixConf.Patterns;

namespace SmtpShield.Host.Rehearsal;

/// <summary>
/// The options under rehearsal made of those that are configured: the same limits, waits and TLS, but on loopback, before another mail server, and with nothing
/// that is shared with a running shield: no state, control socket, log, metrics or shared store.
/// </summary>
internal static class RehearsalConfiguration
{
    // All that is counted of a client counts in one window: each has an address of its own, and does what it does in one anvil_rate_time_unit.
    private static readonly TimeSpan _oneWindow = TimeSpan.FromDays(1);

    // That replies are delayed is counted; waiting for it would tell nothing.
    private static readonly TimeSpan _shortDelay = TimeSpan.FromMilliseconds(5);

    // How many sessions there may be at all, here and at the mail server, is about machines: waiting for one would make the verdict this machine's.
    private const int EnoughSessions = 7000;

    /// <summary>Makes them.</summary>
    /// <param name="options">What is configured.</param>
    /// <param name="mta">The mail server, on loopback.</param>
    /// <param name="isSink">Whether it is the rehearsal's own, which knows nothing of handoffs and TLS.</param>
    public static ShieldOptions Of(ShieldOptions options, IPEndPoint mta, bool isSink) => options with
    {
        Listener = options.Listener with
        {
            Endpoints = [new(IPAddress.Loopback, 0)],
            Transparent = false,
            DrainTimeout = TimeSpan.Zero,
            DefaultProcessLimit = Math.Max(options.Listener.DefaultProcessLimit, EnoughSessions),
        },
        Upstream = options.Upstream with
        {
            Destinations = [new(mta.Address.ToString(), mta.Port)],
            SessionLimit = isSink ? 0 : options.Upstream.SessionLimit,
            ClientHandoff = isSink || options.Upstream.ClientHandoff is ClientHandoff.Transparent ? ClientHandoff.None : options.Upstream.ClientHandoff,
        },
        UpstreamTls = isSink ? new() : options.UpstreamTls,
        Proxy = options.Proxy with { Protocol = UpstreamProxyProtocol.Haproxy, Sources = AddressPatternList.Parse("127.0.0.0/8") },
        Anvil = options.Anvil with { RateTimeUnit = _oneWindow },
        Limits = options.Limits with { ErrorSleepTime = options.Limits.ErrorSleepTime > _shortDelay ? _shortDelay : options.Limits.ErrorSleepTime },
        Smtpd = options.Smtpd with { PeernameLookup = false },
        Control = new(),
        Log = new(),
        Sharing = new(),
        // Whether there is stress is the machine's matter, too.
        UnderStress = null,
        Services = options.Services.ToDictionary(static service => service.Key, service => Of(service.Value, mta, isSink), StringComparer.Ordinal),
    };

    /// <summary>What of a configuration is not rehearsed, a line each.</summary>
    public static IEnumerable<string> NotesOf(ShieldOptions options, bool isSink)
    {
        if (options.Sharing.Store.Length > 0)
            yield return "shield_shared_store is ignored: counts are those of this shield alone";
        var all = options.Services.Values.DefaultIfEmpty(options).ToList();
        if (all.Exists(static service => service.Smtpd.PeernameLookup))
            yield return "smtpd_peername_lookup is ignored: no name server is asked, and no client has a name";
        if (!isSink && all.Exists(static service => service.Upstream.ClientHandoff is ClientHandoff.Transparent))
            yield return "shield_client_handoff = transparent is ignored: to the mail server all clients are 127.0.0.1";
        if (all.Exists(static service => service.Tls.IsPassedOn))
            yield return "no certificate: behind STARTTLS the shield sees no commands, so what is said here of commands holds in clear only";
    }
}
