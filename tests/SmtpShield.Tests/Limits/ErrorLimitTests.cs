using FsCheck;
using FsCheck.Fluent;
using SmtpShield.Limits;
using SmtpShield.Options;

namespace SmtpShield.Tests.Limits;

public class ErrorLimitTests
{
    private static readonly TimeSpan _sleep = TimeSpan.FromSeconds(3);
    private static readonly SmtpdLimitOptions _limits = new() { SoftErrorLimit = 10, HardErrorLimit = 20, JunkCommandLimit = 100, ErrorSleepTime = _sleep };

    [TestCase(0, 0)]
    [TestCase(9, 0)]
    [TestCase(10, 3)]
    [TestCase(11, 3)]
    public void ReplyDelay_AroundTheSoftLimit_StartsAtIt(int errors, int seconds) =>
        Assert.That(With(errors).ReplyDelay(_limits), Is.EqualTo(TimeSpan.FromSeconds(seconds)));

    [TestCase(0, false)]
    [TestCase(19, false)]
    [TestCase(20, true)]
    [TestCase(21, true)]
    public void IsHard_AroundTheHardLimit_StartsAtIt(int errors, bool expected) => Assert.That(With(errors).IsHard(_limits), Is.EqualTo(expected));

    [TestCase(1, 2, 0)]
    [TestCase(1, 3, 1)]
    [TestCase(100, 100, 0)]
    [TestCase(100, 101, 0)]
    [TestCase(100, 102, 1)]
    [TestCase(100, 103, 2)]
    [TestCase(100, 121, 20)]
    public void CountJunkCommand_AroundTheLimit_AddsErrorsFromTwoAboveIt(int limit, int commands, int errors)
    {
        var state = new ErrorLimit();
        for (var i = 0; i < commands; i++)
            state.CountJunkCommand(new() { JunkCommandLimit = limit });

        Assert.That(state.Errors, Is.EqualTo(errors));
    }

    [Test]
    public void Reset_AfterErrorsAndJunk_StartsBothAgain()
    {
        var state = With(15);
        for (var i = 0; i < 102; i++)
            state.CountJunkCommand(_limits);
        state.Reset();
        for (var i = 0; i < 101; i++)
            state.CountJunkCommand(_limits);

        Assert.That(state.Errors, Is.Zero);
    }

    [TestCase(0, 20)]
    [TestCase(1, 19)]
    [TestCase(9, 11)]
    [TestCase(10, 1)]
    [TestCase(19, 1)]
    [TestCase(20, 1)]
    public void Credit_ByErrors_IsWhatIsLeftAndOneFromTheSoftLimitOn(int errors, int credit) => Assert.That(With(errors).Credit(_limits), Is.EqualTo(credit));

    [TestCase(1, 1, 1)]
    [TestCase(1, 100, 100)]
    [TestCase(50, 20, 20)]
    public void Credit_WithoutErrors_IsTheHardLimit(int soft, int hard, int credit) =>
        Assert.That(new ErrorLimit().Credit(new() { SoftErrorLimit = soft, HardErrorLimit = hard }), Is.EqualTo(credit));

    [Test]
    public void Credit_AllForwardedCommandsFail_ErrorsNeverExceedTheHardLimit()
    {
        var cases = from soft in Gen.Choose(1, 30)
                    from hard in Gen.Choose(1, 30)
                    from forwards in Gen.ListOf(Gen.Elements(true, true, false))
                    select (soft, hard, forwards);
        Prop.ForAll(cases.ToArbitrary(), one =>
        {
            var limits = new SmtpdLimitOptions { SoftErrorLimit = one.soft, HardErrorLimit = one.hard };
            var state = new ErrorLimit();
            var (outstanding, forwarded) = (0, 0);

            // The client always has another command; in any order one is forwarded if allowed, or the oldest one fails.
            foreach (var forwards in one.forwards)
            {
                if (forwards && !state.IsHard(limits) && outstanding < state.Credit(limits))
                    (outstanding, forwarded) = (outstanding + 1, forwarded + 1);
                else if (outstanding > 0)
                {
                    outstanding--;
                    state.CountError();
                }
            }

            while (outstanding-- > 0)
                state.CountError();
            return state.Errors == forwarded && state.Errors <= one.hard;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000).WithEndSize(120));
    }

    private static ErrorLimit With(int errors)
    {
        var state = new ErrorLimit();
        for (var i = 0; i < errors; i++)
            state.CountError();
        return state;
    }
}
