using System.Net;
using System.Net.NetworkInformation;
using SmtpShield.Clients;
using SmtpShield.Options;

namespace SmtpShield.Bans;

/// <summary>
/// Who is not banned, whatever it does and whoever says so: exempt clients, those of <c>shield_ban_exceptions</c>, proxies of <c>shield_proxy_sources</c>, this
/// host, its MTAs and its default gateways, behind which a container's bridge hides all clients.
/// </summary>
/// <param name="snapshot">The options.</param>
/// <param name="exemptions">Those an operator has exempted.</param>
/// <param name="addressesOf">Those of MTAs.</param>
/// <param name="time">The clock.</param>
internal sealed class NeverBanned(ShieldSnapshot snapshot, Exemptions exemptions, MtaAddresses addressesOf, TimeProvider time)
{
    // What of this host is asked for again.
    private static readonly TimeSpan _fresh = TimeSpan.FromSeconds(60);

    private const string NoName = ClientIdentity.UnknownName;

    private volatile Dictionary<IPAddress, string>? _host;
    private long _readAt;

    /// <summary>Why an address is not banned by what the whole shield knows; null: it may be.</summary>
    /// <param name="address">The address.</param>
    public string? WhyNot(IPAddress address)
    {
        if (exemptions.Find(address) is { } exemption)
            return $"{exemption.Prefix} is exempt by allow";
        if (IPAddress.IsLoopback(address))
            return "it is this host";
        if (HostAddresses().TryGetValue(address, out var what))
            return what;
        return AddressesOfMtas().Contains(address) ? "it is an MTA behind the shield" : WhyNotBy(address);
    }

    /// <summary>Why a client of a service is not banned there; null: it may be.</summary>
    /// <param name="options">The service's.</param>
    /// <param name="client">The client, with its name as far as it is known.</param>
    public string? WhyNot(ShieldOptions options, ClientIdentity client) =>
        ClientExceptions.Contain(options, client) ? "it is exempt"
        : options.Bans.Exceptions.Matches(client.Address, client.Name) ? "it is in shield_ban_exceptions"
        : WhyNot(client.Address);

    /// <summary>The addresses in a range that are not banned although it is: this host's, its gateways and MTAs.</summary>
    /// <returns>Each with what it is.</returns>
    public IEnumerable<(IPAddress Address, string What)> Within(ClientRange range) =>
        HostAddresses().Select(static one => (one.Key, one.Value))
            .Concat(AddressesOfMtas().Select(static address => (address, "it is an MTA behind the shield")))
            .Where(one => range.Contains(ClientRange.Of(one.Item1, 32, 128))).Distinct();

    // The lists of all services: who is exempt at one of them only is judged there.
    private string? WhyNotBy(IPAddress address)
    {
        var services = snapshot.Current.Services.Values.DefaultIfEmpty(snapshot.Current).ToList();
        if (services.TrueForAll(options => options.Limits.ClientEventLimitExceptions.Matches(address, NoName)))
            return "it is in smtpd_client_event_limit_exceptions";
        if (services.TrueForAll(options => options.Bans.Exceptions.Matches(address, NoName)))
            return "it is in shield_ban_exceptions";
        return services.Exists(options => options.Proxy.Sources.Matches(address, NoName)) ? "it is in shield_proxy_sources" : null;
    }

    private HashSet<IPAddress> AddressesOfMtas()
    {
        var addresses = new HashSet<IPAddress>();
        foreach (var name in snapshot.Served)
            addresses.UnionWith(addressesOf(name));
        return addresses;
    }

    /// <summary>Asks anew which addresses this host has, if it has been asked at all and that is a minute ago. To be called now and then.</summary>
    public void Refresh()
    {
        if (_host is not null && time.GetElapsedTime(_readAt) >= _fresh)
            ReadAgain();
    }

    // Asked by connections, so read again by the clock; only the first time by who needs it.
    private Dictionary<IPAddress, string> HostAddresses() => _host ?? ReadAgain();

    private Dictionary<IPAddress, string> ReadAgain()
    {
        var host = ReadHost();
        (_host, _readAt) = (host, time.GetTimestamp());
        return host;
    }

    private static Dictionary<IPAddress, string> ReadHost()
    {
        var found = new Dictionary<IPAddress, string>();
        try
        {
            foreach (var properties in NetworkInterface.GetAllNetworkInterfaces().Select(static network => network.GetIPProperties()))
            {
                foreach (var gateway in properties.GatewayAddresses)
                    found[Bare(gateway.Address)] = "it is a default gateway of this host";
                foreach (var own in properties.UnicastAddresses)
                    found[Bare(own.Address)] = "it is this host";
            }
        }
        catch (NetworkInformationException)
        {
            // Nothing is known of the host's addresses then; loopback is anyway.
        }

        found.Remove(IPAddress.Any);
        found.Remove(IPAddress.IPv6Any);
        return found;
    }

    private static IPAddress Bare(IPAddress address) => ClientIdentity.AddressOf(new(address, 0));
}
