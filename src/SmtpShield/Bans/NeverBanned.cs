using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using SmtpShield.Clients;
using SmtpShield.Options;

namespace SmtpShield.Bans;

/// <summary>
/// Who is not banned, whatever it does and whoever says so: exempt clients, those of <c>shield_ban_exceptions</c>, proxies of <c>shield_proxy_sources</c>, this
/// host, its MTAs and its default gateways, behind which a container's bridge hides all clients.
/// </summary>
/// <remarks>Which addresses this host has is read when this is made, and each minute again; where that fails the last answer counts.</remarks>
internal sealed class NeverBanned
{
    // What of this host is asked for again.
    private static readonly TimeSpan _fresh = TimeSpan.FromSeconds(60);

    private const string NoName = ClientIdentity.UnknownName;

    private readonly ShieldSnapshot _snapshot;
    private readonly Exemptions _exemptions;
    private readonly MtaAddresses _addressesOf;
    private readonly TimeProvider _time;
    private readonly Func<Dictionary<IPAddress, string>> _readHost;
    private volatile Dictionary<IPAddress, string> _host = [];
    private long _readAt;

    /// <summary>Asks which addresses this host has.</summary>
    /// <param name="snapshot">The options.</param>
    /// <param name="exemptions">Those an operator has exempted.</param>
    /// <param name="addressesOf">Those of MTAs.</param>
    /// <param name="time">The clock.</param>
    public NeverBanned(ShieldSnapshot snapshot, Exemptions exemptions, MtaAddresses addressesOf, TimeProvider time)
        : this(snapshot, exemptions, addressesOf, time, ReadHost)
    {
    }

    /// <summary>The same with another way to ask, for tests.</summary>
    internal NeverBanned(
        ShieldSnapshot snapshot, Exemptions exemptions, MtaAddresses addressesOf, TimeProvider time, Func<Dictionary<IPAddress, string>> readHost)
    {
        (_snapshot, _exemptions, _addressesOf, _time, _readHost) = (snapshot, exemptions, addressesOf, time, readHost);
        ReadAgain();
    }

    /// <summary>Why an address is not banned by what the whole shield knows; null: it may be.</summary>
    /// <param name="address">The address.</param>
    public string? WhyNot(IPAddress address)
    {
        if (_exemptions.Find(address) is { } exemption)
            return $"{exemption.Prefix} is exempt by allow";
        if (IPAddress.IsLoopback(address))
            return "it is this host";
        if (_host.TryGetValue(address, out var what))
            return what;
        return AddressesOfMtas().Contains(address) ? "it is an MTA behind the shield" : WhyNotBy(address);
    }

    /// <summary>Why a client of a service is not banned there; null: it may be.</summary>
    /// <param name="options">The service's.</param>
    /// <param name="client">The client, with its name as far as it is known.</param>
    public string? WhyNot(ShieldOptions options, ClientIdentity client) =>
        ClientExceptions.Contain(options, client) ? "it is exempt" : WhyNot(options, client.Address, client.Name);

    /// <summary>Why an address is not banned at a service, whether it is exempt there or not; null: it may be.</summary>
    /// <param name="options">The service's.</param>
    /// <param name="address">The address.</param>
    /// <param name="name">Its verified host name, or <see cref="ClientIdentity.UnknownName"/>.</param>
    public string? WhyNot(ShieldOptions options, IPAddress address, string name) =>
        options.Bans.Exceptions.Matches(address, name) ? "it is in shield_ban_exceptions" : WhyNot(address);

    /// <summary>Whether it has turned out only now that a ban of one address hits nobody who is exempt, at whatever service.</summary>
    /// <param name="ban">A ban.</param>
    /// <param name="client">Whom it refuses at one service.</param>
    /// <param name="isNameKnown">Whether its name was looked up, and somebody answered.</param>
    public bool IsNewlySure(Ban ban, ClientIdentity client, bool isNameKnown) =>
        !ban.IsLookedAt && ban.Prefix.IsAddress
        && Services.All(options => (isNameKnown || !options.Smtpd.PeernameLookup || !HasNames(options)) && !ClientExceptions.Contain(options, client)
            && !options.Bans.Exceptions.Matches(client.Address, client.Name) && !options.Proxy.Sources.Matches(client.Address, client.Name));

    /// <summary>The addresses in a range that are not banned although it is: this host's, its gateways and MTAs.</summary>
    /// <returns>Each with what it is.</returns>
    public IEnumerable<(IPAddress Address, string What)> Within(ClientRange range) =>
        _host.Select(static one => (one.Key, one.Value))
            .Concat(AddressesOfMtas().Select(static address => (address, "it is an MTA behind the shield")))
            .Where(one => range.Contains(ClientRange.Of(one.Item1, 32, 128))).Distinct();

    // The lists of all services: who is exempt at one of them only is judged there.
    private string? WhyNotBy(IPAddress address)
    {
        var services = Services.ToList();
        if (services.TrueForAll(options => options.Limits.ClientEventLimitExceptions.Matches(address, NoName)))
            return "it is in smtpd_client_event_limit_exceptions";
        if (services.TrueForAll(options => options.Bans.Exceptions.Matches(address, NoName)))
            return "it is in shield_ban_exceptions";
        return services.Exists(options => options.Proxy.Sources.Matches(address, NoName)) ? "it is in shield_proxy_sources" : null;
    }

    private IEnumerable<ShieldOptions> Services => _snapshot.Current.Services.Values.DefaultIfEmpty(_snapshot.Current);

    private static bool HasNames(ShieldOptions options) =>
        options.Limits.ClientEventLimitExceptions.Names.Any() || options.Bans.Exceptions.Names.Any() || options.Proxy.Sources.Names.Any();

    private HashSet<IPAddress> AddressesOfMtas()
    {
        var addresses = new HashSet<IPAddress>();
        foreach (var name in _snapshot.Served)
            addresses.UnionWith(_addressesOf(name));
        return addresses;
    }

    /// <summary>Asks anew which addresses this host has, if that is a minute ago. To be called now and then, from one thread.</summary>
    public void Refresh()
    {
        if (_time.GetElapsedTime(_readAt) >= _fresh)
            ReadAgain();
    }

    private void ReadAgain()
    {
        _readAt = _time.GetTimestamp();
        try
        {
            _host = _readHost();
        }
        catch (Exception exception) when (exception is NetworkInformationException or IOException or UnauthorizedAccessException or SocketException)
        {
            // What was known counts; loopback does anyway.
        }
    }

    private static Dictionary<IPAddress, string> ReadHost()
    {
        var found = new Dictionary<IPAddress, string>();
        foreach (var properties in NetworkInterface.GetAllNetworkInterfaces().Select(static network => network.GetIPProperties()))
        {
            foreach (var gateway in properties.GatewayAddresses)
                found[Bare(gateway.Address)] = "it is a default gateway of this host";
            foreach (var own in properties.UnicastAddresses)
                found[Bare(own.Address)] = "it is this host";
        }

        found.Remove(IPAddress.Any);
        found.Remove(IPAddress.IPv6Any);
        return found;
    }

    private static IPAddress Bare(IPAddress address) => ClientIdentity.AddressOf(new(address, 0));
}
