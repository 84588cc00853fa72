using System.Net;
using SmtpShield.Clients;
using SmtpShield.Options;
using SmtpShield.PostfixConf.Patterns;

namespace SmtpShield.Tests.Clients;

public class ClientExceptionsTests
{
    private static readonly ClientIdentity _client = new(new IPEndPoint(IPAddress.Parse("::ffff:192.0.2.7"), 1));

    [TestCase("192.0.2.0/24", true)]
    [TestCase("!192.0.2.7, 192.0.2.0/24", false)]
    [TestCase("192.0.3.0/24", false)]
    [TestCase("", false)]
    public void Contains_Client_IsByTheList(string list, bool expected) => Assert.That(ClientExceptions.Contain(With(list), _client), Is.EqualTo(expected));

    [TestCase("mx.example.com", "mx.example.com", true)]
    [TestCase("mx.example.com", "MX.Example.COM", true)]
    [TestCase("mx.example.com", "example.com", false)]
    [TestCase("mx.example.com", ".example.com", true)]
    [TestCase("example.com", ".example.com", false)]
    [TestCase("badexample.com", ".example.com", false)]
    [TestCase("mx.example.com.test", ".example.com", false)]
    [TestCase("mx.example.com", "!mx.example.com, .example.com", false)]
    [TestCase("mx.example.com", ".example.com, !mx.example.com", true)]
    [TestCase("mx.example.com", "!192.0.2.7, .example.com", false)]
    [TestCase("mx.example.com", ".example.com, !192.0.2.7", true)]
    [TestCase("mx.example.com", "!.example.com, 192.0.2.0/24", false)]
    [TestCase("other.example.net", "!.example.com, 192.0.2.0/24", true)]
    [TestCase("unknown", "!.example.com, 192.0.2.0/24", true)]
    [TestCase("unknown", "mx.example.com, .example.com", false)]
    public void Contains_NamedClient_IsByTheFirstElementThatMatches(string name, string list, bool expected) => Assert.That(
        ClientExceptions.Contain(With(list), new(new IPEndPoint(IPAddress.Parse("192.0.2.7"), 1), name)), Is.EqualTo(expected));

    [TestCase("127.0.0.0/8", "", false)]
    [TestCase("static:all", "", false)]
    [TestCase("", "127.0.0.0/8", true)]
    [TestCase("", "!127.0.0.1, 127.0.0.0/8", false)]
    [TestCase("static:all", "127.0.0.2", false)]
    [Property("Hazard", "ID-1")]
    public void Contains_AddressThatMayBeTheProxys_IsByTheListForIt(string list, string proxys, bool expected)
    {
        var options = With(list) with { Proxy = new() { EventLimitExceptions = AddressPatternList.Parse(proxys) } };
        var client = new ClientIdentity(new IPEndPoint(IPAddress.Loopback, 1)) { IsProxy = true };

        Assert.That(ClientExceptions.Contain(options, client), Is.EqualTo(expected));
    }

    private static ShieldOptions With(string list) => new() { Limits = new() { ClientEventLimitExceptions = AddressPatternList.Parse(list) } };
}
