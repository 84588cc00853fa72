using System.Net;
using SmtpShield.Control.Admin;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Control.Admin;

/// <summary>The tables behind the log-in are bounded, and what is guessed at is known by few.</summary>
[Property("Operations", "OPS-42")]
internal sealed class AdminSessionsTests
{
    private static readonly AdminUser _nobody = AdminUser.Nobody(AdminUser.UsualRounds);

    private readonly FakeTimeProvider _time = new();

    [Test]
    public void Begin_OfAUserWithEight_EndsHisOwnThatWasIdleLongestAndNobodyElses()
    {
        var sessions = new AdminSessions(_time);
        sessions.Begin(_nobody with { Name = "other" }, out var others);
        var secrets = new List<string>();
        for (var i = 0; i <= AdminSessions.MostOfAUser; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            sessions.Begin(_nobody, out var secret);
            secrets.Add(secret);
        }

        Assert.That((sessions.Count, sessions.Use(secrets[0]), sessions.Use(secrets[1]) is null, sessions.Use(others) is null),
            Is.EqualTo((AdminSessions.MostOfAUser + 1, (AdminSession?)null, false, false)));
    }

    [Test]
    public void Begin_AtTheBound_EndsTheOneThatWasIdleLongest()
    {
        var sessions = new AdminSessions(_time);
        var secrets = new List<string>();
        for (var i = 0; i < AdminSessions.Most; i++)
        {
            sessions.Begin(_nobody with { Name = $"user{i}" }, out var secret);
            secrets.Add(secret);
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        sessions.Use(secrets[0]);
        _time.Advance(TimeSpan.FromSeconds(1));
        sessions.Begin(_nobody, out _);

        Assert.Multiple(() =>
        {
            Assert.That(sessions.Count, Is.EqualTo(AdminSessions.Most));
            Assert.That(sessions.Use(secrets[0]), Is.Not.Null, "it was used");
            Assert.That(sessions.Use(secrets[1]), Is.Null, "it was idle longest");
            Assert.That(secrets, Is.Unique.And.All.Length.EqualTo(64));
        });
    }

    [Test]
    public void TryBegin_ByMoreSourcesThanAreKnown_ForgetsTheOldestOnly()
    {
        var limit = new LoginLimit(_time);
        for (var i = 0; i < LoginLimit.Most; i++)
            Assert.That(limit.TryBegin(Source(0)), Is.True);
        Assert.That(limit.TryBegin(Source(0)), Is.False);
        _time.Advance(TimeSpan.FromSeconds(1));
        for (var i = 1; i < LoginLimit.Sources; i++)
            limit.TryBegin(Source(i));
        Assert.That(limit.WaitOf(Source(0)), Is.EqualTo(TimeSpan.FromSeconds(59)), "all are known");

        limit.TryBegin(Source(LoginLimit.Sources));

        Assert.That(limit.WaitOf(Source(0)), Is.EqualTo(TimeSpan.Zero));
    }

    [TestCase("2001:db8::1", "2001:db8::2", false)]
    [TestCase("2001:db8::1", "2001:db8:0:1::1", true)]
    [TestCase("192.0.2.1", "192.0.2.2", true)]
    [TestCase("192.0.2.1", "::ffff:192.0.2.1", false)]
    public void TryBegin_BySourcesNearEachOther_CountsNetworksOfIPv6(string one, string other, bool mayTry)
    {
        var limit = new LoginLimit(_time);
        for (var i = 0; i < LoginLimit.Most; i++)
            limit.TryBegin(IPAddress.Parse(one));
        Assert.That(limit.TryBegin(IPAddress.Parse(other)), Is.EqualTo(mayTry));
    }

    [TestCase("alice operate pbkdf2-sha256 600000 00112233445566778899aabbccddeeff " + Hash, true)]
    [TestCase("alice operate token " + Hash + " 2027-02-27T00:00:00Z", true)]
    [TestCase("alice operate pbkdf2-sha256 1 00112233445566778899aabbccddeeff " + Hash, false)]
    [TestCase("alice operate pbkdf2-sha256 600000 00 " + Hash, false)]
    [TestCase("alice operate pbkdf2-sha256 600000 00112233445566778899aabbccddeeff 00", false)]
    [TestCase("alice root token " + Hash + " 2027-02-27T00:00:00Z", false)]
    [TestCase("al\u00efce operate token " + Hash + " 2027-02-27T00:00:00Z", false)]
    [TestCase("alice operate token " + Hash, false)]
    [TestCase("alice operate token " + Hash + " never", false)]
    public void Parse_OfALine_TakesWhatCommandsMake(string line, bool isOne)
    {
        var user = AdminUser.Parse(line);
        Assert.That(user?.ToString(), Is.EqualTo(isOne ? line : null));
    }

    private const string Hash = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    private static IPAddress Source(int number) => new([10, 0, (byte)(number >> 8), (byte)number]);
}
