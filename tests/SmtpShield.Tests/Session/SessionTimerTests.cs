using SmtpShield.Session;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Session;

public class SessionTimerTests
{
    private static readonly TimeSpan _second = TimeSpan.FromSeconds(1);

    private FakeTimeProvider _time = null!;
    private SessionSignal _signal = null!;
    private SessionTimer _deadline = null!;

    [SetUp]
    public void Create()
    {
        _time = new FakeTimeProvider();
        _signal = new SessionSignal();
        _deadline = new SessionTimer(_time, _signal);
    }

    [TearDown]
    public void Dispose() => _deadline.Dispose();

    [Test]
    public void Arm_Due_SetsTheSignalThenAndNotBefore()
    {
        Arm(10);
        _time.Advance(10 * _second - TimeSpan.FromMilliseconds(1));
        var wait = _signal.WaitAsync();
        var before = wait.IsCompleted;

        _time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.That((before, wait.IsCompleted), Is.EqualTo((false, true)));
    }

    [Test]
    public void Arm_Never_MakesNoTimer()
    {
        _deadline.Arm(long.MaxValue, _time.GetTimestamp());

        Assert.That(_time.ActiveTimers, Is.Zero);
    }

    [Test]
    public void Arm_Earlier_MovesTheTimer()
    {
        Arm(10);
        Arm(5);
        var wait = _signal.WaitAsync();

        _time.Advance(5 * _second);

        Assert.That((wait.IsCompleted, _time.ActiveTimers), Is.EqualTo((true, 0)));
    }

    [Test]
    public void Arm_Later_LeavesTheTimerAndIsArmedAgainWhenItFires()
    {
        Arm(5);
        Arm(10);
        var wait = _signal.WaitAsync();
        _time.Advance(5 * _second);
        var first = wait.IsCompleted;

        // What the session's loop does when it is woken: it looks, finds nothing due, and arms for what is next.
        Arm(5);
        var rest = _signal.WaitAsync();
        _time.Advance(5 * _second);

        Assert.That((first, rest.IsCompleted), Is.EqualTo((true, true)));
    }

    [Test]
    public void Arm_AfterATimerThatFiredAMomentEarly_IsArmedForTheRest()
    {
        // The timer's clock and the session's are not the same one: by the session's, a moment is missing.
        var due = 10 * _time.TimestampFrequency;
        _deadline.Arm(due, _time.GetTimestamp() + TimeSpan.TicksPerMillisecond);
        var early = _signal.WaitAsync();
        _time.Advance(10 * _second - TimeSpan.FromMilliseconds(1));
        var firedEarly = early.IsCompleted;

        _deadline.Arm(due, _time.GetTimestamp());
        var rest = _signal.WaitAsync();
        _time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.That((firedEarly, rest.IsCompleted), Is.EqualTo((true, true)));
    }

    [TestCase(1)]
    [TestCase(9_999)]
    [TestCase(10_001)]
    public void Arm_PartOfAMillisecond_IsRoundedUp(long ticks)
    {
        _deadline.Arm(ticks, 0);
        var wait = _signal.WaitAsync();
        _time.Advance(TimeSpan.FromTicks(ticks));
        var before = wait.IsCompleted;
        _time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.That((before, wait.IsCompleted), Is.EqualTo((false, true)));
    }

    [Test]
    public void Arm_AlreadyDue_SetsTheSignalSoon()
    {
        _time.Advance(_second);
        _deadline.Arm(0, _time.GetTimestamp());
        var wait = _signal.WaitAsync();
        _time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.That(wait.IsCompleted, Is.True);
    }

    [Test]
    public void Dispose_Armed_LeavesNoTimer()
    {
        Arm(10);
        _deadline.Dispose();

        Assert.That(_time.ActiveTimers, Is.Zero);
    }

    private void Arm(int seconds) => _deadline.Arm(_time.GetTimestamp() + (seconds * _time.TimestampFrequency), _time.GetTimestamp());
}
