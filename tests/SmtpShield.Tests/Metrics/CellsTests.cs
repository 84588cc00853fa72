using System.Diagnostics.Metrics;
using SmtpShield.Metrics;
using SmtpShield.Observe;
using SmtpShield.Protocol;

namespace SmtpShield.Tests.Metrics;

public class CellsTests
{
    [Test, CancelAfter(30_000)]
    public async Task Add_ByManyThreads_LosesNothing(CancellationToken cancellationToken)
    {
        var cells = new Cells(3);

        await Parallel.ForEachAsync(Enumerable.Range(0, 8), cancellationToken, (worker, _) =>
        {
            for (var i = 0; i < 100_000; i++)
                cells.Add(1, worker);
            return ValueTask.CompletedTask;
        });

        Assert.That((cells.Sum(0), cells.Sum(1), cells.Sum(2)), Is.EqualTo((0L, 2_800_000L, 0L)));
    }

    [Test]
    public void Note_EveryFact_AllocatesNothing()
    {
        var service = new ServiceMetrics("smtp", null, null);
        var destination = new DestinationMetrics("mta:25", null);
        Note();
        var before = GC.GetAllocatedBytesForCurrentThread();

        for (var i = 0; i < 1000; i++)
            Note();

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);

        void Note()
        {
            service.NoteConnection(ConnectionOutcome.Refused);
            service.NoteEnd(SessionEndReason.ConnectionLimit, TimeSpan.FromSeconds(3));
            service.NoteCommand(Verb.Mail, 250);
            service.NoteMessage(250, 1000);
            service.NoteRecipient(550);
            service.NoteLimitHit(LimitRules.HardErrors);
            service.NoteDelay(TimeSpan.FromSeconds(1));
            service.MoveSession(SessionState.Greeting, SessionState.Command);
            destination.NoteDial(DialOutcome.Greeted);
            destination.NoteReply(ReplyPhase.Command, TimeSpan.FromMilliseconds(3));
        }
    }

    [TestCase(0, 0)]
    [TestCase(1, 0)]
    [TestCase(2, 1)]
    [TestCase(10, 1)]
    [TestCase(11, 2)]
    public void Histogram_ValueAtABound_IsBelowIt(long value, int bucket)
    {
        var metric = new MetricDefinition("x_bytes", MetricKind.Histogram, "x") { Bounds = [1, 10] };
        var histogram = new HistogramCells(metric, 1, null);
        var samples = new MetricSamples();

        histogram.Note(value);
        histogram.Collect(samples);

        Assert.That(samples.Of(metric)[0].Counts[bucket], Is.EqualTo(1));
        Assert.That(samples.Of(metric)[0].Value, Is.EqualTo(value));
    }

    [Test]
    public void Histogram_SomebodyListens_IsToldOfEachValueWithItsLabels()
    {
        using var metrics = new ShieldMetrics();
        using var listener = new MeterListener();
        var told = new List<string>();
        listener.InstrumentPublished = (instrument, listening) =>
        {
            if (ReferenceEquals(instrument.Meter, metrics.Meter))
                listening.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) =>
            told.Add(FormattableString.Invariant($"{instrument.Name} {value} {string.Join(' ', tags.ToArray().Select(static tag => tag.Value))}")));
        listener.Start();

        metrics.OfDestination("mta:25").NoteReply(ReplyPhase.EndOfData, TimeSpan.FromMilliseconds(250));

        Assert.That(told, Is.EqualTo((string[])["smtpshield.upstream.reply.duration 0.25 mta:25 end_of_data"]));
    }
}
