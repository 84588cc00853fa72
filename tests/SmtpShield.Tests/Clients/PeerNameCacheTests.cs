using System.Net;
using SmtpShield.Clients;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Clients;

public class PeerNameCacheTests
{
    private static readonly PeerName _name = new("mx.example.com");
    private static readonly PeerName _refused = PeerName.Refused(PeerNameFault.Mismatch, "mx.example.com");

    private FakeTimeProvider _time = null!;
    private PeerNameCache _cache = null!;

    [SetUp]
    public void Create() => _cache = new(_time = new());

    [Test]
    public void Add_HundredThousandAddresses_KeepsTheLastTenThousand()
    {
        for (var i = 0; i < 100_000; i++)
        {
            _cache.Add(new IPAddress(i), _name);
            Assert.That(_cache.Count, Is.LessThanOrEqualTo(10_000));
        }

        Assert.That((_cache.Count, _cache.Find(new IPAddress(89_999)), _cache.Find(new IPAddress(90_000))), Is.EqualTo((10_000, (PeerName?)null, _name)));
    }

    [Test]
    public void Add_SameAddressAgainAndAgain_IsOneEntryAndTheNewest()
    {
        for (var i = 0; i < 100_000; i++)
            _cache.Add(IPAddress.Loopback, i % 2 == 0 ? _name : _refused);

        Assert.That((_cache.Count, _cache.Find(IPAddress.Loopback)), Is.EqualTo((1, _refused)));
        _time.Advance(PeerNameCache.NameLifetime);
        Assert.That(() => _cache.Add(IPAddress.Any, _name), Throws.Nothing);
    }

    [TestCase(300, true)]
    [TestCase(60, false)]
    public void Find_AfterItsLifetime_IsNothing(int seconds, bool isName)
    {
        _cache.Add(IPAddress.Loopback, isName ? _name : _refused);
        _time.Advance(TimeSpan.FromSeconds(seconds - 1));
        var before = _cache.Find(IPAddress.Loopback);
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.That((before, _cache.Find(IPAddress.Loopback)), Is.EqualTo((isName ? _name : _refused, (PeerName?)null)));
    }

    [Test]
    public void Add_LaterThanTheOthersLive_LetsThemGo()
    {
        for (var i = 0; i < 100; i++)
            _cache.Add(new IPAddress(i), _name);
        _time.Advance(PeerNameCache.NameLifetime);
        _cache.Add(IPAddress.Loopback, _name);

        Assert.That(_cache.Count, Is.EqualTo(1));
    }
}
