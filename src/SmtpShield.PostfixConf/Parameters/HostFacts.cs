using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace SmtpShield.PostfixConf.Parameters;

/// <summary>What built-in defaults take from the host. No name service is asked: it may be what is down.</summary>
/// <param name="HostName">The host's name, as the kernel has it.</param>
/// <param name="Addresses">The addresses of its interfaces with their prefix lengths.</param>
internal sealed record HostFacts(string HostName, IReadOnlyList<(IPAddress Address, int PrefixLength)> Addresses)
{
    /// <summary>This host. What cannot be found out is <c>localhost</c> and its loopback addresses.</summary>
    public static HostFacts Local()
    {
        try
        {
            return new HostFacts(Dns.GetHostName(), LocalAddresses());
        }
        catch (Exception exception) when (exception is SocketException or NetworkInformationException or PlatformNotSupportedException)
        {
            return new HostFacts("localhost", [(IPAddress.Loopback, 8), (IPAddress.IPv6Loopback, 128)]);
        }
    }

    private static List<(IPAddress Address, int PrefixLength)> LocalAddresses() =>
    [
        .. from card in NetworkInterface.GetAllNetworkInterfaces()
           where card.OperationalStatus != OperationalStatus.Down
           from unicast in card.GetIPProperties().UnicastAddresses
           orderby unicast.Address.AddressFamily == AddressFamily.InterNetworkV6
           select (new IPAddress(unicast.Address.GetAddressBytes()), unicast.PrefixLength),
    ];
}
