using System.Buffers;
using System.Net;
using System.Text;
using SmtpShield.Clients;
using SmtpShield.Mta;
using SmtpShield.Mta.Handoff;
using SmtpShield.Options;
using SmtpShield.Tls;

namespace SmtpShield.Tests.Mta.Handoff;

[Property("Hazard", "ID-11")]
public class ProxyHandoffTests
{
    private const string Signature = "0D0A0D0A000D0A515549540A";

    [TestCase("198.51.100.7", "192.0.2.1", "PROXY TCP4 198.51.100.7 192.0.2.1 40000 25\r\n")]
    [TestCase("::ffff:198.51.100.7", "::ffff:192.0.2.1", "PROXY TCP4 198.51.100.7 192.0.2.1 40000 25\r\n", TestName = "Dual-stack socket")]
    [TestCase("2001:db8::7", "2001:db8::1", "PROXY TCP6 2001:db8::7 2001:db8::1 40000 25\r\n")]
    [TestCase("fe80::7%3", "fe80::1%3", "PROXY TCP6 fe80::7 fe80::1 40000 25\r\n", TestName = "Zone ids")]
    [TestCase("198.51.100.7", "2001:db8::1", "PROXY TCP4 198.51.100.7 0.0.0.0 40000 25\r\n", TestName = "Destination of the other version")]
    [TestCase("2001:db8::7", "192.0.2.1", "PROXY TCP6 2001:db8::7 :: 40000 25\r\n", TestName = "Destination of the other version, IPv6 client")]
    public void Write_Version1_IsTheClientsLine(string client, string local, string line) =>
        Assert.That(Written(ClientHandoff.ProxyV1, ClientOf(client, local)), Is.EqualTo(line));

    [Test]
    public void Write_DestinationNotKnown_IsAllZero() =>
        Assert.That(Written(ClientHandoff.ProxyV1, new(new(new(IPAddress.Parse("198.51.100.7"), 40000)), null)),
            Is.EqualTo("PROXY TCP4 198.51.100.7 0.0.0.0 40000 0\r\n"));

    [TestCase("198.51.100.7", "192.0.2.1", "2111000C" + "C6336407" + "C0000201" + "9C40" + "0019")]
    [TestCase("2001:db8::7", "2001:db8::1", "21210024" + "20010DB8000000000000000000000007" + "20010DB8000000000000000000000001" + "9C40" + "0019")]
    public void Write_Version2_IsTheClients(string client, string local, string octets) =>
        Assert.That(Hex(Written(ClientHandoff.ProxyV2, ClientOf(client, local))), Is.EqualTo(Signature + octets));

    [Test]
    public void Write_Version2OfAClientInTls_HasItsTlsAndTheNameItAskedFor()
    {
        var facts = new TlsFacts { Protocol = "TLSv1.3", Cipher = "AES", UsedBits = 256, TotalBits = 256, ServerName = "mx.example.com" };

        var header = Hex(Written(ClientHandoff.ProxyV2, ClientOf("198.51.100.7", "192.0.2.1") with { Tls = facts }));

        // PP2_TYPE_AUTHORITY, and PP2_TYPE_SSL: client in TLS, no certificate verified, version, cipher.
        Assert.That(header, Does.Contain("02000E" + Convert.ToHexString("mx.example.com"u8)));
        Assert.That(header, Does.Contain("200015" + "01" + "00000001" + "210007" + Convert.ToHexString("TLSv1.3"u8) + "230003" + Convert.ToHexString("AES"u8)));
    }

    [Test]
    public void Write_Version2WithoutNameAsked_HasNone()
    {
        var facts = new TlsFacts { Protocol = "TLSv1.3", Cipher = "AES", UsedBits = 256, TotalBits = 256 };

        Assert.That(Hex(Written(ClientHandoff.ProxyV2, ClientOf("198.51.100.7", "192.0.2.1") with { Tls = facts }))[(2 * (16 + 12))..], Does.StartWith("20"));
    }

    [Test]
    public void WriteOwn_Version2_IsLocal() => Assert.That(Hex(Own(ClientHandoff.ProxyV2)), Is.EqualTo(Signature + "20000000"));

    [Test]
    public void WriteOwn_Version1_NamesTheSocketsEnds() =>
        Assert.That(Own(ClientHandoff.ProxyV1), Is.EqualTo("PROXY TCP4 127.0.0.1 127.0.0.2 50000 10025\r\n"));

    private static string Own(ClientHandoff handoff)
    {
        var output = new ArrayBufferWriter<byte>();
        ProxyHandoff.WriteOwn(output, handoff, new(IPAddress.Loopback.MapToIPv6(), 50000), new(IPAddress.Parse("127.0.0.2"), 10025));
        return Encoding.Latin1.GetString(output.WrittenSpan);
    }

    private static UpstreamClient ClientOf(string client, string local) =>
        new(new ClientIdentity(new(IPAddress.Parse(client), 40000)), new(IPAddress.Parse(local), 25));

    private static string Written(ClientHandoff handoff, UpstreamClient client)
    {
        var output = new ArrayBufferWriter<byte>();
        ProxyHandoff.Write(output, handoff, client);
        return Encoding.Latin1.GetString(output.WrittenSpan);
    }

    private static string Hex(string octets) => Convert.ToHexString(Encoding.Latin1.GetBytes(octets));
}
