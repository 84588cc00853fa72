using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Mta.Slots;
using SmtpShield.Mta.Stress;
using SmtpShield.Testing;
using SmtpShield.Tests.Mta.Slots;

namespace SmtpShield.Tests.Mta.Stress;

/// <summary>One MTA and the sessions with it, second by second: how hard pressed it is taken to be, and how many sessions it gets.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class MtaStressTests
{
    private const int Limit = 90;
    private const int Reserve = 10;

    private readonly FakeTimeProvider _time = new();
    private readonly FakeLogCollector _log = new();
    private readonly List<Slot> _sessions = [];
    private readonly List<(Slot Slot, long Until)> _waiting = [];
    private readonly MtaSlots _slots;
    private readonly MtaStress _stress;
    private int _clients;

    public MtaStressTests()
    {
        _slots = new(_time, new(Limit, Reserve, 0));
        // A timestamp of 0 is none.
        _time.Advance(MtaStress.Step);
        _stress = new("mta:25", _slots, _time, new FakeLogger(_log));
    }

    private StressLevel Level => _stress.State.Level;

    private int InForce => _stress.LimitOf(Limit);

    private IEnumerable<string> Lines => _log.GetSnapshot().Select(static line => line.Message);

    [Test, Property("Pool", "STRESS-1")]
    public void Level_MtaIsAlwaysSlow_IsCalmUntilItIsMuchSlower()
    {
        Sessions(20);
        Pass(300, answersIn: 3);
        Assert.That((Level, InForce), Is.EqualTo((StressLevel.None, Limit)));

        Assert.That(PassUntil(() => Level == StressLevel.Stressed, answersIn: 13), Is.AtMost(30));
        Assert.That(Lines.Last(), Does.Match("^entering STRESS mode: upstream mta:25 answers in 1[0-9].[0-9] s \\(usually 3.0 s\\)$"));
        Assert.That(InForce, Is.EqualTo(63));
        Pass(30, answersIn: 13);
        Assert.That(InForce, Is.LessThan(63));

        var low = InForce;
        // What was asked before still takes its thirteen.
        Assert.That(PassUntil(() => Level == StressLevel.None, answersIn: 3), Is.AtMost(35 + 13));
        Assert.That(PassUntil(() => InForce == Limit, answersIn: 3), Is.EqualTo((int)Math.Ceiling((Limit - low) / 4.5) * 10).Within(50));
        Assert.That(Lines.Last(), Is.EqualTo("leaving STRESS mode: upstream mta:25 has 20 sessions"));
    }

    [Test, Property("Pool", "STRESS-1")]
    public void Level_MtaStandsStill_IsStressedWithoutASingleReply()
    {
        Sessions(20);
        Pass(60, answersIn: 0.1);

        Assert.That(PassUntil(() => Level == StressLevel.Stressed, answersIn: 100_000), Is.AtMost(30));
    }

    [TestCase(95, 100, false, ExpectedResult = StressLevel.None)]
    [TestCase(10, 100, true, ExpectedResult = StressLevel.Stressed)]
    [TestCase(9, 100, true, ExpectedResult = StressLevel.None)]
    [TestCase(4, 4, true, ExpectedResult = StressLevel.None)]
    [Property("Pool", "STRESS-2")]
    public StressLevel Level_MtaRefuses_OnlyWhatSpeaksOfTheSystemCounts(int refused, int of, bool isOfSystem)
    {
        for (var second = 0; second < 20; second++)
        {
            for (var reply = 0; reply < of && second % 10 == 0; reply++)
                _stress.NoteReply(isOfSystem && reply < refused);
            Pass(1);
        }

        return Level;
    }

    [Test, Property("Pool", "STRESS-2")]
    public void Level_SystemReplies_FallAndRecover()
    {
        for (var second = 0; second < 10; second++)
        {
            for (var reply = 0; reply < 10; reply++)
                _stress.NoteReply(reply == 0);
            Pass(1);
        }
        Assert.That((Level, InForce), Is.EqualTo((StressLevel.Stressed, 63)));
        Assert.That(Lines.Single(), Does.StartWith("entering STRESS mode: upstream mta:25 says 421 or 4.3.x in "));

        Pass(200);
        Assert.That((Level, InForce), Is.EqualTo((StressLevel.None, Limit)));
    }

    [Test, Property("Pool", "STRESS-3")]
    public void Level_FewSlowAnswers_SayNothing()
    {
        for (var answer = 0; answer < 100; answer++)
            _stress.NoteAnswer(TimeSpan.FromMilliseconds(5));
        Pass(20);
        for (var answer = 0; answer < StressSignals.LeastAnswers - 1; answer++)
            _stress.NoteAnswer(TimeSpan.FromSeconds(60));
        Pass(15);

        Assert.That(Level, Is.EqualTo(StressLevel.None));
    }

    [Test, Property("Pool", "STRESS-3")]
    public void Level_OneAnswerHangsAmongQuickOnes_SaysNothing()
    {
        Sessions(20);
        Pass(60, answersIn: 0.1);
        var hanging = Session();
        hanging.NoteAwaited(_time.GetTimestamp());
        Pass(60, answersIn: 0.1);
        hanging.NoteAnswered(MtaWork.Recipient, TimeSpan.FromSeconds(60));
        _stress.NoteAnswer(TimeSpan.FromSeconds(60));
        Pass(60, answersIn: 0.1);

        Assert.That((Level, Lines), Is.EqualTo((StressLevel.None, Array.Empty<string>())));
    }

    [TestCase(45, StressLevel.Pressed), TestCase(81, StressLevel.Stressed), Property("Pool", "STRESS-4")]
    public void Level_SharesInUseGoUpAndDownEachSecond_DoesNotFollow(int sessions, StressLevel reached)
    {
        for (var second = 0; second < 600; second++)
        {
            Sessions(second % 2 == 0 ? sessions : 0);
            Pass(1);
        }
        Assert.That((Level, Lines), Is.EqualTo((StressLevel.None, Array.Empty<string>())));

        Sessions(sessions);
        Pass(3);
        Assert.That(Level, Is.EqualTo(reached));
        for (var second = 0; second < 600; second++)
        {
            Sessions(second % 2 == 0 ? sessions : 0);
            Pass(1);
        }
        Assert.That(Level, Is.EqualTo(reached));
        Assert.That(Lines.Count(), Is.EqualTo(reached == StressLevel.Stressed ? 1 : 0));
    }

    [Test, Property("Pool", "STRESS-4")]
    public void Level_AllIsWell_GoesDownOneLevelEachTenSeconds()
    {
        Sessions(81);
        Pass(3);
        Sessions(0);

        Pass(9);
        Assert.That(Level, Is.EqualTo(StressLevel.Stressed));
        Pass(1);
        Assert.That(Level, Is.EqualTo(StressLevel.Pressed));
        Pass(9);
        Assert.That(Level, Is.EqualTo(StressLevel.Pressed));
        Pass(1);
        Assert.That(Level, Is.EqualTo(StressLevel.None));
    }

    [Test, Property("Pool", "STRESS-5")]
    public void Limit_MtaNeverCopes_StaysAboveTheReserve()
    {
        Sessions(20);
        for (var second = 0; second < 600; second++)
        {
            for (var reply = 0; reply < 10; reply++)
                _stress.NoteReply(isOfSystem: true);
            Pass(1);
        }

        Assert.That(InForce, Is.EqualTo(Reserve + 2));
    }

    [Test]
    public void Limit_AllSessionsAreInUse_DoesNotFall()
    {
        Sessions(85);
        Pass(60);

        Assert.That((Level, InForce), Is.EqualTo((StressLevel.Stressed, Limit)));
        Assert.That(Lines, Is.EqualTo(["entering STRESS mode: upstream mta:25 has 85 of 90 sessions"]));
    }

    [Test, Property("Pool", "STRESS-7")]
    public void Level_FirstAnswersAreSlow_IsTheMeasureAndFollowsWhatComes()
    {
        for (var second = 0; second < 10; second++)
        {
            for (var answer = 0; answer < 10; answer++)
                _stress.NoteAnswer(TimeSpan.FromSeconds(5));
            Pass(1);
        }
        Assert.That(Level, Is.EqualTo(StressLevel.None));

        for (var second = 0; second < 120; second++)
        {
            for (var answer = 0; answer < 10; answer++)
                _stress.NoteAnswer(TimeSpan.FromMilliseconds(100));
            Pass(1);
        }

        Assert.That((Level, _stress.State.Signals.Usual), Is.EqualTo((StressLevel.None, (TimeSpan?)TimeSpan.FromMilliseconds(100))).Using<TimeSpan>(
            static (one, other) => (one - other).Duration() < TimeSpan.FromMilliseconds(101)));
    }

    [Test]
    public void Level_DialsInVain_StressesAndIsForgottenWithTime()
    {
        for (var second = 0; second < 3; second++)
        {
            _stress.NoteDial(isInVain: true);
            Pass(1);
        }
        Assert.That(Level, Is.EqualTo(StressLevel.None));
        Pass(2);
        Assert.That((Level, _stress.State.Reason), Is.EqualTo((StressLevel.Stressed, StressReason.Dials)));

        Pass(30);
        Assert.That(Level, Is.EqualTo(StressLevel.None));
    }

    // Each session asks again when it has its answer.
    private int PassUntil(Func<bool> isSo, double answersIn)
    {
        for (var second = 1; second <= 1000; second++)
        {
            Pass(1, answersIn);
            if (isSo())
                return second;
        }

        throw new AssertionException("It never is.");
    }

    private void Pass(int seconds, double? answersIn = null)
    {
        for (var step = 0; step < seconds * 10; step++)
        {
            if (answersIn is { } time)
                Ask(TimeSpan.FromSeconds(time));
            _time.Advance(MtaStress.Step / 10);
            Answer();
            if (step % 10 == 9)
                _stress.EndSecond(_slots.Terms with { Limit = Limit });
        }
    }

    private void Ask(TimeSpan answersIn)
    {
        foreach (var session in _sessions.Where(static session => session.AwaitedSince == 0))
        {
            session.NoteAwaited(_time.GetTimestamp());
            _waiting.Add((session, _time.GetTimestamp() + (long)(answersIn.TotalSeconds * _time.TimestampFrequency)));
        }
    }

    private void Answer()
    {
        var now = _time.GetTimestamp();
        foreach (var (session, _) in _waiting.Where(one => one.Until <= now))
        {
            var took = _time.GetElapsedTime(session.AwaitedSince, now);
            session.NoteAnswered(MtaWork.Recipient, took);
            _stress.NoteAnswer(took);
        }
        _waiting.RemoveAll(one => one.Until <= now);
    }

    private void Sessions(int count)
    {
        while (_sessions.Count > count)
        {
            _sessions[^1].Dispose();
            _sessions.RemoveAt(_sessions.Count - 1);
        }
        while (_sessions.Count < count)
            _sessions.Add(Session());
    }

    private Slot Session() => _slots.TryTake(TestSlots.Range(_clients++), ClientStanding.Exempt, static () => { })!;
}
