using SmtpShield.Control.Upstreams;
using SmtpShield.Metrics;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Control.Upstreams;

/// <summary>How an MTA has answered in the last minute.</summary>
public sealed class RecentRepliesTests
{
    private const string Mta = "mta1:25";

    private FakeTimeProvider _time = null!;
    private ShieldMetrics _metrics = null!;
    private RecentReplies _replies = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _time = new();
        _metrics = new();
        _replies = new(_metrics, _time);
        await _replies.StartAsync(CancellationToken.None);
    }

    [TearDown]
    public void Stop()
    {
        _replies.Dispose();
        _metrics.Dispose();
    }

    [Test]
    [Property("Operations", "OPS-4")]
    public void Of_ReplyTimes_AreThoseOfMailAndRcptInTheLastMinute()
    {
        Answer(50, TimeSpan.FromSeconds(9));
        _time.Advance(TimeSpan.FromSeconds(70));
        Answer(98, TimeSpan.FromMilliseconds(3));
        Answer(2, TimeSpan.FromMilliseconds(90));
        _metrics.OfDestination(Mta).NoteReply(ReplyPhase.EndOfData, TimeSpan.FromSeconds(20));

        var lately = _replies.Of(Mta)!;
        Assert.That(lately.Median!.Value.TotalMilliseconds, Is.EqualTo(1 + 2 * 50.0 / 98).Within(0.001), "50 of the 98 between 1 and 3 ms");
        Assert.That(lately.Percentile99!.Value.TotalMilliseconds, Is.EqualTo(65).Within(0.001), "the first of two between 30 and 100 ms");

        // What is over is no more looked at.
        _time.Advance(TimeSpan.FromSeconds(80));
        Assert.That(_replies.Of(Mta), Is.EqualTo(new RepliesLately(null, null, 0)));
    }

    [Test]
    [Property("Operations", "OPS-4")]
    public void Of_FailedDials_AreThoseOfAMinuteAndNotGreeted()
    {
        foreach (var outcome in Enum.GetValues<DialOutcome>())
            _metrics.OfDestination(Mta).NoteDial(outcome);
        var failed = Enum.GetValues<DialOutcome>().Length - 1;
        Assert.That(_replies.Of(Mta)!.FailedDials, Is.EqualTo(failed), "since the start");

        _time.Advance(TimeSpan.FromSeconds(60));
        Assert.That(_replies.Of(Mta)!.FailedDials, Is.EqualTo(failed));
        _time.Advance(TimeSpan.FromSeconds(80));
        Assert.That(_replies.Of(Mta)!.FailedDials, Is.Zero);
    }

    [Test]
    public void Of_MtaWithoutSeriesOfItsOwn_IsNotKnown()
    {
        for (var i = 0; i < ShieldMetrics.MostNames; i++)
            _metrics.OfDestination($"mta{i}:25");
        Assert.That(_replies.Of("mta99:25"), Is.Null);
    }

    private void Answer(int times, TimeSpan took)
    {
        for (var i = 0; i < times; i++)
            _metrics.OfDestination(Mta).NoteReply(ReplyPhase.Command, took);
    }
}
