using System.Net;
using System.Net.Sockets;
using SmtpShield.Clients;

namespace SmtpShield.Tests.Clients;

/// <summary>The real one, as far as <c>/etc/hosts</c> reaches: no test asks a name server.</summary>
[Platform("Linux")]
public class SystemNameResolverTests
{
    private readonly SystemNameResolver _resolver = new();

    [Test]
    public void NameOf_Loopback_IsTheFirstNameOfTheHostsFile()
    {
        var first = File.ReadLines("/etc/hosts").Select(static line => line.Split('#')[0].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)).First(static words => words is ["127.0.0.1", _, ..]);

        Assert.That(_resolver.NameOf(IPAddress.Loopback, out _), Is.EqualTo(first[1]));
    }

    [Test]
    public void TryGetAddresses_Localhost_AreThoseOfTheFamily()
    {
        Assert.That(_resolver.TryGetAddresses("localhost", AddressFamily.InterNetwork, out var addresses, out var error, out _), Is.True);
        Assert.That((addresses.Contains(IPAddress.Loopback), addresses.All(static address => address.AddressFamily == AddressFamily.InterNetwork), error), Is.EqualTo((true, true, "")));
    }

    // Whether this host has one or not: its IPv4 address is none of them.
    [Test]
    public void TryGetAddresses_LocalhostByIPv6_HasNoIPv4()
    {
        var found = _resolver.TryGetAddresses("localhost", AddressFamily.InterNetworkV6, out var addresses, out var error, out _);

        Assert.That(addresses.Select(static address => address.AddressFamily), Is.All.EqualTo(AddressFamily.InterNetworkV6));
        Assert.That((addresses.Length > 0, error.Length == 0), Is.EqualTo((found, found)));
    }
}
