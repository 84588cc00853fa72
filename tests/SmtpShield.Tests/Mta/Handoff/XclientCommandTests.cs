using System.Net;
using SmtpShield.Clients;
using SmtpShield.Mta;
using SmtpShield.Mta.Handoff;
using SmtpShield.Tls;

namespace SmtpShield.Tests.Mta.Handoff;

[Property("Hazard", "ID-12")]
public class XclientCommandTests
{
    private static readonly HashSet<string> Postfix = new(["NAME", "ADDR", "PROTO", "HELO", "REVERSE_NAME", "PORT", "LOGIN", "DESTADDR", "DESTPORT"],
        StringComparer.OrdinalIgnoreCase);
    private static readonly IPEndPoint Local = new(IPAddress.Parse("192.0.2.1"), 25);

    [Test]
    public void For_VerifiedName_TellsAllThatIsKnownAndNeitherHeloNorLogin() => Assert.That(
        For("198.51.100.7", "mx.example.com"),
        Is.EqualTo("XCLIENT NAME=mx.example.com REVERSE_NAME=mx.example.com ADDR=198.51.100.7 PORT=40000 DESTADDR=192.0.2.1 DESTPORT=25"));

    [TestCase(false, "[UNAVAILABLE]"), TestCase(true, "[TEMPUNAVAIL]")]
    public void For_UnknownName_SaysWhetherItMayBeKnownLater(bool isTemporary, string value) => Assert.That(
        For("198.51.100.7", isTemporary: isTemporary), Does.StartWith($"XCLIENT NAME={value} REVERSE_NAME={value} ADDR=198.51.100.7 "));

    [Test]
    public void For_NameThatIsNotVerified_IsTheReverseName() => Assert.That(
        For("198.51.100.7", reverseName: "forged.example.com"), Does.StartWith("XCLIENT NAME=[UNAVAILABLE] REVERSE_NAME=forged.example.com "));

    // Postfix refuses an IPv6 address without the prefix.
    [Property("Hazard", "ID-13")]
    [TestCase("2001:DB8::7", "IPV6:2001:db8::7")]
    [TestCase("::ffff:198.51.100.7", "198.51.100.7")]
    [TestCase("fe80::7%3", "IPV6:fe80::7")]
    public void For_Address_IsAsPostfixReadsIt(string address, string value) => Assert.That(For(address), Does.Contain($" ADDR={value} PORT="));

    [Test]
    public void For_DestinationThatIsIPv6OrUnknown_IsSaid()
    {
        Assert.That(For("198.51.100.7", local: new(IPAddress.Parse("::ffff:192.0.2.1"), 587)), Does.EndWith(" DESTADDR=192.0.2.1 DESTPORT=587"));
        Assert.That(For("198.51.100.7", local: new(IPAddress.Parse("2001:db8::1"), 25)), Does.EndWith(" DESTADDR=IPV6:2001:db8::1 DESTPORT=25"));
        Assert.That(XclientCommand.For(new(Identity("198.51.100.7"), null), Postfix), Does.EndWith(" DESTADDR=[UNAVAILABLE] DESTPORT=[UNAVAILABLE]"));
    }

    // CVE-2026-28753: what a name server says becomes a command.
    [TestCase("mx.example.com\r\nMAIL FROM:<x@example.com>")]
    [TestCase("mx.example.com LOGIN=root")]
    [TestCase("mx\tx")]
    [TestCase("mx\0x")]
    [TestCase("mx\u00e4x")]
    [TestCase("\u007f")]
    [TestCase("")]
    public void For_NameThatIsMoreThanAName_IsUnavailable(string name) =>
        Assert.That(For("198.51.100.7", name),
            Is.EqualTo("XCLIENT NAME=[UNAVAILABLE] REVERSE_NAME=[UNAVAILABLE] ADDR=198.51.100.7 PORT=40000 DESTADDR=192.0.2.1 DESTPORT=25"));

    [Test]
    public void For_NameWithXtextsOwnCharacters_IsEncoded() => Assert.That(For("198.51.100.7", "a+b=c"), Does.StartWith("XCLIENT NAME=a+2Bb+3Dc "));

    [TestCase(255, true), TestCase(256, false)]
    public void For_LongName_IsSaidUpTo255Characters(int length, bool isSaid)
    {
        var name = new string('a', length);

        Assert.That(For("198.51.100.7", reverseName: name).Contains($"REVERSE_NAME={name} ", StringComparison.Ordinal), Is.EqualTo(isSaid));
    }

    // "XCLIENT NAME= REVERSE_NAME= ADDR=198.51.100.7 PORT=40000 DESTADDR=192.0.2.1 DESTPORT=25" has 87 characters, and the line end two.
    [TestCase(211, true), TestCase(212, false), TestCase(255, false)]
    public void For_CommandLongerThan512_HasNoReverseName(int length, bool hasReverseName)
    {
        var command = For("198.51.100.7", new string('a', length));

        Assert.That(command.Contains("REVERSE_NAME", StringComparison.Ordinal), Is.EqualTo(hasReverseName));
        Assert.That(command.Length + 2, Is.LessThanOrEqualTo(512));
        Assert.That(command, Does.StartWith($"XCLIENT NAME={new string('a', length)} "));
    }

    [Test]
    public void For_FewAttributesOffered_AreAllThatIsSaid() =>
        Assert.That(For("198.51.100.7", "mx.example.com", offered: ["addr", "PORT", "SESSION", "TTL"]), Is.EqualTo("XCLIENT ADDR=198.51.100.7 PORT=40000"));

    [TestCase(false, "insecure"), TestCase(true, "TLS")]
    public void For_DovecotsTransport_IsTheClients(bool isSecured, string value)
    {
        var tls = isSecured ? new TlsFacts { Protocol = "TLSv1.3", Cipher = "TLS_AES_256_GCM_SHA384", UsedBits = 256, TotalBits = 256 } : null;
        var client = new UpstreamClient(Identity("198.51.100.7"), Local, tls);

        Assert.That(XclientCommand.For(client, new HashSet<string>(["ADDR", "CLIENT-TRANSPORT"])),
            Is.EqualTo($"XCLIENT ADDR=198.51.100.7 CLIENT-TRANSPORT={value}"));
    }

    private static string For(string address, string name = "unknown", string? reverseName = null, bool isTemporary = false, IPEndPoint? local = null,
        string[]? offered = null) =>
        XclientCommand.For(
            new(Identity(address, name, reverseName, isTemporary), local ?? Local),
            offered is null ? Postfix : new HashSet<string>(offered, StringComparer.OrdinalIgnoreCase));

    private static ClientIdentity Identity(string address, string name = "unknown", string? reverseName = null, bool isTemporary = false) =>
        new(new(IPAddress.Parse(address), 40000), name) { ReverseName = reverseName ?? name, IsNameTemporary = isTemporary };
}
