using System.Net;
using SmtpShield.Clients;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Clients;

public sealed class ExemptionsTests
{
    private readonly FakeTimeProvider _time = new();
    private Exemptions _exemptions = null!;

    [SetUp]
    public void Create() => _exemptions = new(_time);

    [TearDown]
    public void Dispose() => _exemptions.Dispose();

    [TestCase("192.0.2.7", "192.0.2.0/28")]
    [TestCase("192.0.2.200", "192.0.2.0/24")]
    [TestCase("::ffff:192.0.2.7", "192.0.2.0/28")]
    [TestCase("192.0.3.1", null)]
    [TestCase("2001:db8::1", "2001:db8::/32")]
    [TestCase("2001:db9::1", null)]
    public void Find_OfSeveralThatCover_IsTheLongest(string address, string? expected)
    {
        Add("192.0.2.0", 24, 60);
        Add("192.0.2.0", 28, 60);
        Add("2001:db8::", 32, 60);

        Assert.That(_exemptions.Find(IPAddress.Parse(address))?.Prefix.ToString(), Is.EqualTo(expected));
    }

    [TestCase(32, true)]
    [TestCase(24, true)]
    [TestCase(16, false)]
    public void Find_OfARange_CoversAllOfIt(int length, bool expected)
    {
        Add("192.0.2.0", 24, 60);

        Assert.That(_exemptions.Find(ClientRange.Of(IPAddress.Parse("192.0.2.0"), length, length)) is not null, Is.EqualTo(expected));
    }

    [Test]
    public void Exemption_WhenItsTimeIsOver_EndsByItselfAndIsTold()
    {
        var ended = new List<string>();
        _exemptions.Ended += exemption => ended.Add($"{exemption.Prefix}");
        Add("192.0.2.7", 32, 60);
        Add("192.0.2.8", 32, 86400 * 3);

        _time.Advance(TimeSpan.FromSeconds(60) - TimeSpan.FromTicks(1));
        Assert.That(_exemptions.Find(IPAddress.Parse("192.0.2.7")), Is.Not.Null);
        _time.Advance(TimeSpan.FromTicks(1));
        Assert.That((_exemptions.Find(IPAddress.Parse("192.0.2.7")), _exemptions.All.Count), Is.EqualTo(((Exemption?)null, 1)));
        Assert.That(ended, Is.EqualTo((string[])["192.0.2.7"]));

        // Longer than the timer is set for at once.
        _time.Advance(TimeSpan.FromDays(4));
        Assert.That((ended, _exemptions.All.Count, _time.ActiveTimers), Is.EqualTo((new[] { "192.0.2.7", "192.0.2.8" }, 0, 0)));
    }

    [Test]
    public void TryAdd_OfTheSamePrefix_TakesItsPlaceAndSaysWhatThereWas()
    {
        Add("192.0.2.7", 32, 60);
        var later = Exemption("192.0.2.7", 32, 600);

        Assert.That((_exemptions.TryAdd(later, out var before), before!.Until), Is.EqualTo((true, _time.GetUtcNow().AddSeconds(60))));
        Assert.That(_exemptions.All, Is.EqualTo((Exemption[])[later]));
        _time.Advance(TimeSpan.FromSeconds(61));
        Assert.That(_exemptions.Find(IPAddress.Parse("192.0.2.7")), Is.Not.Null);
    }

    [Test]
    public void TryAdd_AtItsBound_RefusesAnotherPrefixAndChangesNone()
    {
        for (var i = 0; i < Exemptions.Capacity; i++)
            Add(new IPAddress([10, 0, (byte)(i >> 8), (byte)i]).ToString(), 32, 60);

        Assert.Multiple(() =>
        {
            Assert.That(_exemptions.TryAdd(Exemption("192.0.2.7", 32, 60), out _), Is.False);
            Assert.That(_exemptions.TryAdd(Exemption("10.0.0.1", 32, 600), out _), Is.True);
            Assert.That(_exemptions.All, Has.Count.EqualTo(Exemptions.Capacity));
        });

        // Those that end make room.
        _time.Advance(TimeSpan.FromSeconds(60));
        Assert.That(_exemptions.TryAdd(Exemption("192.0.2.7", 32, 60), out _), Is.True);
    }

    [Test]
    public void Remove_OfAPrefix_LeavesTheWiderOne()
    {
        Add("192.0.2.0", 24, 60);
        Add("192.0.2.7", 32, 60);

        Assert.That(_exemptions.Remove(ClientRange.Of(IPAddress.Parse("192.0.2.7"), 32, 128))?.Prefix.ToString(), Is.EqualTo("192.0.2.7"));
        Assert.That(_exemptions.Find(IPAddress.Parse("192.0.2.7"))?.Prefix.ToString(), Is.EqualTo("192.0.2.0/24"));
        Assert.That(_exemptions.Remove(ClientRange.Of(IPAddress.Parse("192.0.2.7"), 32, 128)), Is.Null);
    }

    [TestCase("192.0.2.0", 24, "192.0.2.7", 32, true)]
    [TestCase("192.0.2.0", 24, "192.0.2.0", 24, true)]
    [TestCase("192.0.2.0", 24, "192.0.0.0", 16, false)]
    [TestCase("192.0.2.0", 24, "192.0.3.7", 32, false)]
    [TestCase("0.0.0.0", 0, "192.0.3.7", 32, true)]
    [TestCase("::", 0, "192.0.3.7", 32, false)]
    [TestCase("2001:db8::", 32, "2001:db8:1::", 64, true)]
    public void Contains_OfRanges_IsByTheirBits(string network, int length, string inner, int innerLength, bool expected) => Assert.That(
        ClientRange.Of(IPAddress.Parse(network), length, length).Contains(ClientRange.Of(IPAddress.Parse(inner), innerLength, innerLength)),
        Is.EqualTo(expected));

    private void Add(string address, int length, int seconds) => Assert.That(_exemptions.TryAdd(Exemption(address, length, seconds), out _), Is.True);

    private Exemption Exemption(string address, int length, int seconds) => new(
        ClientRange.Of(IPAddress.Parse(address), length, length), _time.GetUtcNow(), _time.GetUtcNow().AddSeconds(seconds), "uid 0 (root)", null);
}
