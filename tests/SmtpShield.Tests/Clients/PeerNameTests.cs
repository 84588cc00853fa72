using SmtpShield.Clients;

namespace SmtpShield.Tests.Clients;

public class PeerNameTests
{
    [TestCase("mx.example.com")]
    [TestCase("MX-1.Example.COM")]
    [TestCase("_spf.a_b.example")]
    [TestCase("1.2.3.4.dyn.example.net")]
    [TestCase("4-3-2-1")]
    [TestCase("localhost")]
    [TestCase("0xz")]
    public void FaultOf_HostName_IsNull(string claimed) => Assert.That(PeerName.FaultOf(claimed), Is.Null);

    [TestCase("127.0.0.1", "127.0.0.1")]
    [TestCase("1", "1")]
    [TestCase("1.2.3", "1.2.3")]
    [TestCase("1.2.3.400", "1.2.3.400")]
    [TestCase("0x7f000001", "0x7f000001")]
    [TestCase("::1", "::1")]
    [TestCase("2001:db8::1%eth0", "2001:db8::1?eth0")]
    public void FaultOf_WhatLooksLikeAnAddress_IsNumeric(string claimed, string shown) =>
        Assert.That(PeerName.FaultOf(claimed), Is.EqualTo(new PeerName("unknown", PeerNameFault.Numeric, shown)));

    [TestCase("x\r\nRCPT", "x??RCPT")]
    [TestCase("a b", "a?b")]
    [TestCase("x from unknown[192.0.2.9]", "x?from?unknown?192.0.2.9?")]
    [TestCase("-", "-")]
    [TestCase("-a.example", "-a.example")]
    [TestCase("a-.example", "a-.example")]
    [TestCase("a..example", "a..example")]
    [TestCase("example.com.", "example.com.")]
    [TestCase(".example.com", ".example.com")]
    [TestCase("x\0y", "x?y")]
    [TestCase("x\u0085\u00e9.example", "x??.example")]
    [TestCase("{Client}", "?Client?")]
    public void FaultOf_NoHostName_IsMalformedAndShownHarmless(string claimed, string shown) =>
        Assert.That(PeerName.FaultOf(claimed), Is.EqualTo(new PeerName("unknown", PeerNameFault.Malformed, shown)));

    [TestCase(63, 255, true)]
    [TestCase(64, 255, false)]
    [TestCase(63, 256, false)]
    [TestCase(63, 300, false)]
    public void FaultOf_LongName_IsByPostfixsLengths(int label, int length, bool isValid)
    {
        var claimed = string.Join('.', Enumerable.Repeat(new string('a', label), 5))[..length];

        Assert.That(PeerName.FaultOf(claimed), Is.EqualTo(isValid ? null : new PeerName("unknown", PeerNameFault.Malformed, claimed[..100])));
    }
}
