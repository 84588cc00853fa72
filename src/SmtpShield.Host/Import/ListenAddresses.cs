using System.Net;
using System.Net.Sockets;
using SmtpShield.Options;
using SmtpShield.PostfixConf.Lists;
using SmtpShield.PostfixConf.Values;

namespace SmtpShield.Host.Import;

/// <summary>Where the shield has to listen to be found where Postfix was.</summary>
internal static class ListenAddresses
{
    /// <summary>The value of <c>shield_listen</c> for a service.</summary>
    /// <param name="service">The service.</param>
    /// <param name="notes">Receives what could not be said in addresses.</param>
    public static string For(SmtpdService service, ICollection<ImportNote> notes)
    {
        var interfaces = service.Host.Length > 0 ? [service.Host] : ListTokenizer.Split(service.Values.Text("inet_interfaces"));
        var protocols = ListTokenizer.Split(service.Values.Text("inet_protocols"));
        var families = protocols.Count == 0 || protocols.Contains("all")
            ? [AddressFamily.InterNetwork, AddressFamily.InterNetworkV6]
            : protocols.Where(word => word is "ipv4" or "ipv6")
                .Select(word => word == "ipv4" ? AddressFamily.InterNetwork : AddressFamily.InterNetworkV6).ToList();
        var addresses = interfaces.SelectMany(Expand).ToList();
        if (addresses.Count == 0 || addresses.Contains(null))
        {
            notes.Add(ImportNote.Warning($"{Source(service)} = {string.Join(", ", interfaces)}: the shield listens on addresses, not on names; "
                + "shield_listen has all addresses of the host, write those you mean"));
            addresses = [IPAddress.Any, IPAddress.IPv6Any];
        }
        var chosen = addresses.Where(address => families.Contains(address!.AddressFamily)).Distinct().ToList();
        return string.Join(", ", (chosen.Count > 0 ? chosen : addresses).Select(address => new UpstreamAddress(address!.ToString(), service.Port)));
    }

    private static string Source(SmtpdService service) => service.Host.Length > 0 ? $"service {service.Name}" : "inet_interfaces";

    // A name is looked up by Postfix at start; null stands for one.
    private static IEnumerable<IPAddress?> Expand(string word) => word.Trim('[', ']') switch
    {
        "all" => [IPAddress.Any, IPAddress.IPv6Any],
        "loopback-only" or "localhost" => [IPAddress.Loopback, IPAddress.IPv6Loopback],
        var text => [AddressBits.TryParse(text, out var address) ? address : null],
    };
}
