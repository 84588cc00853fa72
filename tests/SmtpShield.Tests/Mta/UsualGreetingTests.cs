using SmtpShield.Mta.Health;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Mta;

public class UsualGreetingTests
{
    private readonly FakeTimeProvider _time = new();
    private UsualGreeting _usual = null!;

    [SetUp]
    public void Begin() => _usual = new(_time);

    [Test]
    public void TellingSilence_NoGreetingYet_IsNotKnown() => Assert.That(_usual.TellingSilence, Is.Null);

    [TestCase(0.01, 5), TestCase(2.5, 5), TestCase(6, 12), TestCase(25, 50)]
    public void TellingSilence_IsTwiceTheUsualAndFiveSecondsAtLeast(double greeting, double silence)
    {
        _usual.Note(TimeSpan.FromSeconds(greeting));

        Assert.That(_usual.TellingSilence, Is.EqualTo(TimeSpan.FromSeconds(silence)));
    }

    [Test]
    public void TellingSilence_SomeTookLonger_IsByTheQuickest()
    {
        foreach (var seconds in (int[])[20, 6, 25])
            _usual.Note(TimeSpan.FromSeconds(seconds));

        Assert.That(_usual.TellingSilence, Is.EqualTo(TimeSpan.FromSeconds(12)));
    }

    [Test]
    public void TellingSilence_TheQuickestWasLongAgo_IsByThoseBehindIt()
    {
        _usual.Note(TimeSpan.Zero);
        _time.Advance(UsualGreeting.Lasts);
        _usual.Note(TimeSpan.FromSeconds(25));
        var first = _usual.TellingSilence;
        _time.Advance(UsualGreeting.Lasts);
        var then = _usual.TellingSilence;
        _time.Advance(UsualGreeting.Lasts * 2);

        Assert.That((first?.TotalSeconds, then?.TotalSeconds, _usual.TellingSilence), Is.EqualTo(((double?)5, (double?)50, (TimeSpan?)null)));
    }
}
