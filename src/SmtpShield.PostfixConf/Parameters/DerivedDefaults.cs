using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace SmtpShield.PostfixConf.Parameters;

/// <summary>
/// The defaults Postfix computes: <c>myhostname</c>, <c>mydomain</c>, <c>mynetworks</c> (<c>global/mail_params.c</c>, <c>global/mynetworks.c</c>).
/// </summary>
internal static class DerivedDefaults
{
    private const string LastResortDomain = "localdomain";

    /// <summary>The host's name; with <c>.$mydomain</c> behind it when it has no domain.</summary>
    /// <param name="host">The host.</param>
    /// <param name="explicitDomain"><c>mydomain</c> when it is set, else null.</param>
    public static string MyHostname(HostFacts host, string? explicitDomain) =>
        host.HostName.Contains('.', StringComparison.Ordinal) ? host.HostName : $"{host.HostName}.{explicitDomain ?? LastResortDomain}";

    /// <summary><c>myhostname</c> without its first label.</summary>
    public static string MyDomain(string hostname) =>
        hostname.IndexOf('.', StringComparison.Ordinal) is >= 0 and var dot ? hostname[(dot + 1)..] : LastResortDomain;

    /// <summary>The host's own addresses or networks, by <c>mynetworks_style</c>; a style that is none counts as <c>host</c>, the narrowest.</summary>
    public static string MyNetworks(HostFacts host, string style) =>
        string.Join(' ', host.Addresses.Select(address => Network(address.Address, address.PrefixLength, style)).Distinct());

    private static string Network(IPAddress address, int prefixLength, string style)
    {
        if (address.AddressFamily == AddressFamily.InterNetworkV6)
        {
            var length = style is "subnet" or "class" ? prefixLength : 128;
            return $"[{Mask(address, length)}]/{length}";
        }
        var ipv4Length = style switch
        {
            "subnet" => prefixLength,
            "class" => ClassLength(address),
            _ => 32,
        };
        return $"{Mask(address, ipv4Length)}/{ipv4Length}";
    }

    private static int ClassLength(IPAddress address) => address.GetAddressBytes()[0] switch
    {
        < 128 => 8,
        < 192 => 16,
        < 224 => 24,
        _ => 4,
    };

    private static IPAddress Mask(IPAddress address, int length)
    {
        Span<byte> octets = stackalloc byte[16];
        octets.Clear();
        address.TryWriteBytes(octets, out var count);
        var mask = length == 0 ? UInt128.Zero : UInt128.MaxValue << (128 - length);
        BinaryPrimitives.WriteUInt128BigEndian(octets, BinaryPrimitives.ReadUInt128BigEndian(octets) & mask);
        return new IPAddress(octets[..count]);
    }
}
