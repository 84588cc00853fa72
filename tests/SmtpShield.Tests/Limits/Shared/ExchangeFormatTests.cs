using System.Net;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Limits.Shared;

namespace SmtpShield.Tests.Limits.Shared;

/// <summary>What is said to the store, and what is believed of what it says.</summary>
internal sealed class ExchangeFormatTests
{
    private static readonly SharedService[] s_services = [new("smtp", 5, default), new("smtp:in", 5, default), new("[::]:587", 5, default)];

    [TestCase("smtp", "192.0.2.7", 32, "smtp:192.0.2.7")]
    [TestCase("smtp", "192.0.2.7", 24, "smtp:192.0.2.0/24")]
    [TestCase("smtp:in", "2001:db8::1", 64, "smtp:in:2001:db8::/64")]
    [TestCase("[::]:587", "2001:db8::1", 128, "[::]:587:2001:db8::1")]
    [Property("Sharing", "SHARE-24")]
    public void ClientOf_AClient_IsReadAgain(string service, string address, int length, string expected)
    {
        var key = new AnvilKey(service, ClientRange.Of(IPAddress.Parse(address), length, length));
        Assert.That(ExchangeFormat.ClientOf(key), Is.EqualTo(expected));
        Assert.That((ExchangeFormat.TryReadClient(expected, s_services, out var read), read), Is.EqualTo((true, key)));
    }

    [TestCase("")]
    [TestCase("smtp")]
    [TestCase("smtp:")]
    [TestCase("submission:192.0.2.7")]
    [TestCase("smtp:192.0.2.7/33")]
    [TestCase("smtp:192.0.2.7/-1")]
    [TestCase("smtp:2001:db8::/129")]
    [TestCase("smtp:mail.example.net")]
    [TestCase("smtp:192.0.2.7/24/1")]
    public void TryReadClient_OfWhatIsNone_IsRefused(string text) => Assert.That(ExchangeFormat.TryReadClient(text, s_services, out _), Is.False);

    [TestCase("smtp", true)]
    [TestCase("127.0.0.1:10025", true)]
    [TestCase("[::1]:25", true)]
    [TestCase("", false)]
    [TestCase("a{b}", false)]
    [TestCase("a b", false)]
    [TestCase("a\r\nb", false)]
    [TestCase("a\0", false)]
    [Property("Sharing", "SHARE-24")]
    public void IsName_OfAService_IsWhatAKeyMayHave(string name, bool expected) => Assert.That(ExchangeFormat.IsName(name), Is.EqualTo(expected));

    [Test]
    public void IsName_OfMoreThan64Octets_IsNone() =>
        Assert.That((ExchangeFormat.IsName(new('x', 64)), ExchangeFormat.IsName(new('x', 65))), Is.EqualTo((true, false)));

    [Test]
    [Property("Sharing", "SHARE-21")]
    public void ReadCounts_OfAnotherLength_IsNoAnswer([Values(0, 1, 35, 37, 72)] int length) =>
        Assert.That(() => ExchangeFormat.ReadCounts(new byte[length], 1), Throws.TypeOf<SharedStoreException>());

    [Test]
    [Property("Sharing", "SHARE-21")]
    public void ReadCounts_OfANumberThatIsNoCount_IsNoAnswer([Range(4, 32, 4)] int place)
    {
        var octets = new byte[ExchangeFormat.CountsSize];
        octets[place + 3] = 0x80;
        Assert.That(() => ExchangeFormat.ReadCounts(octets, 1), Throws.TypeOf<SharedStoreException>());
    }
}
