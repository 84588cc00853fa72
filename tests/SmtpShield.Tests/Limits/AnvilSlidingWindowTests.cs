using SmtpShield.Limits;
using SmtpShield.Options;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Limits;

/// <summary><c>shield_rate_window = sliding</c>.</summary>
public class AnvilSlidingWindowTests
{
    private static readonly AnvilKey _client = TestAnvil.Key("192.0.2.7");

    private FakeTimeProvider _time = null!;
    private AnvilTable _table = null!;

    [SetUp]
    public void Create()
    {
        _time = new FakeTimeProvider();
        _table = TestAnvil.Table(new ShieldSnapshot(new() { Anvil = new() { RateWindow = RateWindow.Sliding } }), _time);
        _table.Connect(_client);
    }

    [TestCase(0, 11)]
    [TestCase(59, 11)]
    [TestCase(60, 11, Description = "the window before still counts whole")]
    [TestCase(61, 11, Description = "10 * 59 / 60, rounded up")]
    [TestCase(65, 11, Description = "10 * 55 / 60, rounded up")]
    [TestCase(66, 10, Description = "10 * 54 / 60")]
    [TestCase(90, 6)]
    [TestCase(114, 2)]
    [TestCase(119, 2, Description = "10 / 60, rounded up")]
    [TestCase(120, 1)]
    [TestCase(1000, 1)]
    public void Count_TenEventsBefore_CountByTheirOverlap(int seconds, int expected)
    {
        CountMessages(10);
        Advance(seconds);

        Assert.That(_table.Count(_client, AnvilEvent.Message), Is.EqualTo(expected));
    }

    [Test]
    public void Count_BurstsOnBothSidesOfAWindowsEnd_AreCountedTogether()
    {
        Advance(59);
        CountMessages(10);
        Advance(1);

        Assert.That(_table.Count(_client, AnvilEvent.Message), Is.EqualTo(11));
    }

    [Test]
    public void Count_BurstsOnBothSidesOfAFixedWindowsEnd_AreNot()
    {
        _table = TestAnvil.Table(new ShieldSnapshot(new()), _time);
        _table.Connect(_client);
        Advance(59);
        CountMessages(10);
        Advance(2);

        Assert.That(_table.Count(_client, AnvilEvent.Message), Is.EqualTo(1));
    }

    [Test]
    public void Count_WindowsAfterEachOther_DoNotBeginWithTheirFirstEvent()
    {
        Advance(70);
        CountMessages(10);
        Advance(50);

        // Windows are 0-60, 60-120, 120-180.
        Assert.That(_table.Count(_client, AnvilEvent.Message), Is.EqualTo(11));
        Advance(30);
        Assert.That(_table.Count(_client, AnvilEvent.Message), Is.EqualTo(7));
    }

    [TestCase(120)]
    [TestCase(150)]
    public void Count_BehindAPause_OpensAWindow(int pause)
    {
        CountMessages(10);
        Advance(pause);
        CountMessages(10);
        Advance(59);
        var same = _table.Count(_client, AnvilEvent.Message);
        Advance(31);

        Assert.That((same, _table.Count(_client, AnvilEvent.Message)), Is.EqualTo((11, 7)));
    }

    [Test]
    public void Connect_RateOfConnections_SlidesToo()
    {
        Advance(90);

        Assert.That((_table.Peek(_client), _table.Connect(_client)), Is.EqualTo((new AnvilCounts(1, 1), new AnvilCounts(2, 2))));
    }

    [Test]
    public void Connect_Hammering_StaysOverTheLimit()
    {
        // Refused events count: five a second never fall below five a second.
        for (var second = 0; second < 600; second++)
        {
            CountMessages(5);
            if (second > 60)
                Assert.That(_table.Peek(_client).Of(AnvilEvent.Message), Is.InRange(295, 310));
            Advance(1);
        }
    }

    private void CountMessages(int count)
    {
        for (var i = 0; i < count; i++)
            _table.Count(_client, AnvilEvent.Message);
    }

    private void Advance(double seconds) => _time.Advance(TimeSpan.FromSeconds(seconds));
}
