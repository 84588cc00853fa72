using System.Net;

namespace SmtpShield.Configuration;

/// <summary>A Postfix match list of clients: addresses, CIDR ranges, host names; the first element that matches decides, <c>!</c> negates it.</summary>
public sealed class AddressPatternList
{
    private readonly IPNetwork[] _networks = [];

    private AddressPatternList()
    {
    }

    /// <summary>The list that matches nobody.</summary>
    public static AddressPatternList Empty { get; } = new();

    /// <summary>Whether the client is on the list.</summary>
    /// <param name="address">The client's address; IPv4-mapped IPv6 counts as IPv4.</param>
    /// <param name="hostname">The client's verified name, or <c>unknown</c>.</param>
    public bool Matches(IPAddress address, string hostname) => _networks.Length > 0 && hostname.Length > 0 && _networks[0].Contains(address);
}
