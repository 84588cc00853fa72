using System.Net;
using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Options;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Limits;

public class AnvilStatisticsTests
{
    private static readonly AnvilKey _client = TestAnvil.Key("192.0.2.7");

    private FakeTimeProvider _time = null!;
    private WallClock _clock = null!;
    private ShieldSnapshot _snapshot = null!;
    private FakeLogger<AnvilStatistics> _log = null!;
    private AnvilStatistics _statistics = null!;
    private AnvilTable _table = null!;

    [SetUp]
    public void Create()
    {
        _time = new FakeTimeProvider(new DateTimeOffset(2026, 11, 21, 16, 16, 48, TimeSpan.Zero));
        _clock = new WallClock(_time);
        _snapshot = new ShieldSnapshot(new() { Limits = AllLimits(1000) });
        _log = new FakeLogger<AnvilStatistics>();
        _statistics = new AnvilStatistics(_snapshot, _clock, _log);
        _table = TestAnvil.Table(_snapshot, _clock, _statistics);
    }

    [Test]
    public void Log_AllKinds_AreAnvilsLinesInItsOrder()
    {
        for (var i = 0; i < 7; i++)
        {
            _table.Connect(_client);
            if (i < 4)
                _table.Disconnect(_client);
        }

        _table.Connect(TestAnvil.Key("192.0.2.8"));
        Advance(38);
        _table.Connect(TestAnvil.Key("192.0.2.9"));
        foreach (var kind in Enum.GetValues<AnvilEvent>())
        {
            for (var i = 0; i <= (int)kind; i++)
                _table.Count(_client, kind);
        }

        _statistics.LogAndReset();

        Assert.That(_log.Lines, Is.EqualTo(new[]
        {
            "Information: statistics: max connection rate 7/60s for (smtp:192.0.2.7) at Nov 21 16:16:48",
            "Information: statistics: max connection count 3 for (smtp:192.0.2.7) at Nov 21 16:16:48",
            "Information: statistics: max message rate 1/60s for (smtp:192.0.2.7) at Nov 21 16:17:26",
            "Information: statistics: max recipient rate 2/60s for (smtp:192.0.2.7) at Nov 21 16:17:26",
            "Information: statistics: max newtls rate 3/60s for (smtp:192.0.2.7) at Nov 21 16:17:26",
            "Information: statistics: max auth rate 4/60s for (smtp:192.0.2.7) at Nov 21 16:17:26",
            "Information: statistics: max error rate 5/60s for (smtp:192.0.2.7) at Nov 21 16:17:26",
            "Information: statistics: max authfail rate 6/60s for (smtp:192.0.2.7) at Nov 21 16:17:26",
            "Information: statistics: max cache size 3 at Nov 21 16:17:26",
        }));
    }

    [Test]
    public void Log_NothingHappened_IsSilent()
    {
        _statistics.LogAndReset();

        Assert.That(_log.Lines, Is.Empty);
    }

    [Test]
    public void Log_AfterALog_MaximaStartAtZeroAndOnlyNewClientsGiveASize()
    {
        for (var i = 0; i < 3; i++)
            _table.Connect(_client);
        _statistics.LogAndReset();
        _log.Collector.Clear();
        _table.Disconnect(_client);
        _table.Disconnect(_client);
        _table.Disconnect(_client);
        Advance(30);
        _table.Connect(_client);

        _statistics.LogAndReset();

        Assert.That(_log.Lines, Is.EqualTo(new[]
        {
            "Information: statistics: max connection rate 4/60s for (smtp:192.0.2.7) at Nov 21 16:17:18",
            "Information: statistics: max connection count 1 for (smtp:192.0.2.7) at Nov 21 16:17:18",
        }));
    }

    [Test]
    public void Log_RecordMadeAnewAfterExpiry_GivesASize()
    {
        _table.Connect(_client);
        _table.Disconnect(_client);
        _statistics.LogAndReset();
        _log.Collector.Clear();
        Advance(60);
        _table.Connect(_client);

        _statistics.LogAndReset();

        Assert.That(_log.Lines[^1], Is.EqualTo("Information: statistics: max cache size 1 at Nov 21 16:17:48"));
    }

    [Test]
    public void Log_EqualValues_FirstOccurrenceWins()
    {
        Visit("192.0.2.7");
        Advance(1);
        Visit("192.0.2.8");
        Advance(1);
        Visit("192.0.2.8");
        Advance(1);
        Visit("192.0.2.7");

        _statistics.LogAndReset();

        Assert.That(_log.Lines, Is.EqualTo(new[]
        {
            "Information: statistics: max connection rate 2/60s for (smtp:192.0.2.8) at Nov 21 16:16:50",
            "Information: statistics: max connection count 1 for (smtp:192.0.2.7) at Nov 21 16:16:48",
            "Information: statistics: max cache size 2 at Nov 21 16:16:49",
        }));
    }

    [Test]
    public void Log_LimitsThereAreUnderStressOnly_AreToldOf()
    {
        _snapshot.Replace(new() { Limits = AllLimits(0), UnderStress = new() { Limits = AllLimits(0) with { ClientMessageRateLimit = 5 } } });
        _table.Connect(_client);
        _table.Count(_client, AnvilEvent.Message);

        _statistics.LogAndReset();

        Assert.That(_log.Lines, Is.EqualTo(new[]
        {
            "Information: statistics: max connection rate 1/60s for (smtp:192.0.2.7) at Nov 21 16:16:48",
            "Information: statistics: max connection count 1 for (smtp:192.0.2.7) at Nov 21 16:16:48",
            "Information: statistics: max message rate 1/60s for (smtp:192.0.2.7) at Nov 21 16:16:48",
            "Information: statistics: max cache size 1 at Nov 21 16:16:48",
        }));
    }

    [Test]
    public void Log_KindsWithoutALimit_AreLeftOut()
    {
        _snapshot.Replace(new() { Limits = AllLimits(0) with { ClientConnectionCountLimit = 1 } });
        _table.Connect(_client);
        foreach (var kind in Enum.GetValues<AnvilEvent>())
            _table.Count(_client, kind);

        _statistics.LogAndReset();

        Assert.That(_log.Lines.Select(line => string.Join(' ', line.Split(' ')[3..5])),
            Is.EqualTo(new[] { "connection rate", "connection count", "cache size" }));
    }

    [Test]
    public void Log_OtherUnit_IsInSeconds()
    {
        _snapshot.Replace(new() { Anvil = new() { RateTimeUnit = TimeSpan.FromHours(1) } });
        _table.Connect(_client);

        _statistics.LogAndReset();

        Assert.That(_log.Lines[0], Does.StartWith("Information: statistics: max connection rate 1/3600s for "));
    }

    [Test]
    public void Log_Time_IsLocalAndTheDayPaddedWithASpace()
    {
        _clock.Step = new DateTime(2026, 10, 31, 23, 5, 9) - new DateTime(2026, 11, 21, 16, 16, 48);
        _clock.Zone = TimeZoneInfo.CreateCustomTimeZone("test", TimeSpan.FromHours(1), "test", "test");
        _table.Connect(_client);

        _statistics.LogAndReset();

        Assert.That(_log.Lines[^1], Is.EqualTo("Information: statistics: max cache size 1 at Nov  1 00:05:09"));
    }

    [TestCase("2001:db8::1", 84, "submission:2001:db8::/84")]
    [TestCase("2001:db8::1", 128, "submission:2001:db8::1")]
    [TestCase("192.0.2.7", 24, "submission:192.0.2.0/24")]
    public void Log_ClientRange_IsShownWithItsLength(string address, int length, string expected)
    {
        _table.Connect(new("submission", ClientRange.Of(IPAddress.Parse(address), Math.Min(length, 32), length)));

        _statistics.LogAndReset();

        Assert.That(_log.Lines[0], Is.EqualTo($"Information: statistics: max connection rate 1/60s for ({expected}) at Nov 21 16:16:48"));
    }

    [Test]
    public void Log_EventWithoutARecord_IsAConnectionToo()
    {
        _table.Count(_client, AnvilEvent.Message);

        _statistics.LogAndReset();

        Assert.That(_log.Lines.Select(line => line.Split(' ')[3]), Is.EqualTo(new[] { "connection", "connection", "message", "cache" }));
    }

    private static SmtpdLimitOptions AllLimits(int limit) => new()
    {
        ClientConnectionCountLimit = limit, ClientConnectionRateLimit = limit, ClientMessageRateLimit = limit, ClientRecipientRateLimit = limit,
        ClientNewTlsSessionRateLimit = limit, ClientAuthRateLimit = limit, ClientErrorRateLimit = limit, ClientAuthFailureRateLimit = limit,
    };

    private void Visit(string address)
    {
        _table.Connect(TestAnvil.Key(address));
        _table.Disconnect(TestAnvil.Key(address));
    }

    private void Advance(int seconds) => _time.Advance(TimeSpan.FromSeconds(seconds));
}
