using SmtpShield.Options;
using SmtpShield.Session;
using SmtpShield.Testing;
using SmtpShield.Tests.Admission;

namespace SmtpShield.Tests.Session;

public class ReplyPaceTests
{
    private static readonly TimeSpan _second = TimeSpan.FromSeconds(1);

    private FakeTimeProvider _time = null!;
    private ShieldSnapshot _snapshot = null!;
    private SessionContext _context = null!;
    private SessionClock _clock = null!;
    private ReplyPace _pace = null!;

    [SetUp]
    public void Create()
    {
        _time = new FakeTimeProvider();
        _snapshot = new ShieldSnapshot(new() { Limits = new() { SoftErrorLimit = 2, ErrorSleepTime = _second } });
        var (transport, _) = DuplexPipe.CreateConnectionPair(new(), new());
        _context = new SessionContext(TestConnection.Of(_snapshot, transport), static () => null);
        _clock = new SessionClock(_time);
        _pace = new ReplyPace(new TestLeg(transport, new SessionSignal()), _context, _clock);
    }

    [TearDown]
    public void Dispose() => _context.Dispose();

    [Test]
    public void MayReply_BelowTheSoftLimit_IsAtOnceAndKeptWithItsGroup()
    {
        _context.Errors.CountError();

        Assert.That((_pace.MayReply(), _pace.MustFlush, _pace.DelayedUntil), Is.EqualTo((true, false, 0L)));
    }

    [Test]
    public void MayReply_FromTheSoftLimit_WaitsForEachReplyAndFlushesIt()
    {
        CountErrors(2);
        for (var reply = 0; reply < 3; reply++)
        {
            var atFirst = _pace.MayReply();
            Advance(_second - TimeSpan.FromTicks(1));
            var before = (_pace.MayReply(), _pace.MustFlush);
            Advance(TimeSpan.FromTicks(1));
            var after = (_pace.MayReply(), _pace.MustFlush, _pace.DelayedUntil);
            _pace.NoteFlushed();

            Assert.That((atFirst, before, after, _pace.MustFlush), Is.EqualTo((false, (false, false), (true, true, 0L), false)));
        }
    }

    [Test]
    public void MayReply_SleepTimeZero_NeverWaits()
    {
        _snapshot.Replace(new() { Limits = new() { SoftErrorLimit = 1, ErrorSleepTime = TimeSpan.Zero } });
        CountErrors(5);

        Assert.That((_pace.MayReply(), _pace.MayReply()), Is.EqualTo((true, true)));
    }

    [Test]
    public void MayReply_ErrorsResetDuringADelay_TheDelayedReplyStillWaitsAndTheNextDoesNot()
    {
        CountErrors(2);
        var first = _pace.MayReply();
        _context.Errors.Reset();
        var during = _pace.MayReply();
        Advance(_second);

        Assert.That((first, during, _pace.MayReply(), _pace.MayReply()), Is.EqualTo((false, false, true, true)));
    }

    [TestCase(10.0, false)]
    [TestCase(10.001, true)]
    public void MayReply_NothingHasLeftForTenSeconds_MustFlush(double seconds, bool expected)
    {
        Advance(TimeSpan.FromSeconds(seconds));

        Assert.That((_pace.MayReply(), _pace.MustFlush), Is.EqualTo((true, expected)));
    }

    [Test]
    public void NoteFlushed_AfterALongHold_StartsTheTenSecondsAgain()
    {
        Advance(11 * _second);
        _pace.MayReply();
        _pace.NoteFlushed();
        Advance(10 * _second);

        Assert.That((_pace.MayReply(), _pace.MustFlush), Is.EqualTo((true, false)));
    }

    private void CountErrors(int count)
    {
        for (var i = 0; i < count; i++)
            _context.Errors.CountError();
    }

    private void Advance(TimeSpan time)
    {
        _time.Advance(time);
        _clock.Tick();
    }
}
