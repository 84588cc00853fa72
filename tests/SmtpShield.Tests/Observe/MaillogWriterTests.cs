using Microsoft.Extensions.Logging;
using SmtpShield.Observe;
using SmtpShield.Testing.Outside;
using SmtpShield.Tests.Listening;

namespace SmtpShield.Tests.Observe;

public class MaillogWriterTests
{
    [Test, CancelAfter(10_000)]
    public async Task Post_LinesWhileTheSinkIsBusy_AreWrittenInOrderAndInOneBatch(CancellationToken cancellationToken)
    {
        using var sink = new GatedSink();
        var writer = new MaillogWriter(sink, TimeProvider.System);
        Post(writer, "1");
        await sink.Entered(cancellationToken);
        Post(writer, "2", "3", "4");

        sink.Open();
        writer.Dispose();

        Assert.That(sink.Batches, Is.EqualTo(new[] { "1", "2,3,4" }));
    }

    [Test, CancelAfter(10_000)]
    public async Task Post_QueueFull_DropsCountsAndSaysSoOnce(CancellationToken cancellationToken)
    {
        using var sink = new GatedSink();
        var writer = new MaillogWriter(sink, TimeProvider.System, capacity: 4);
        Post(writer, "in hand");
        await sink.Entered(cancellationToken);
        Post(writer, "1", "2", "3", "4", "lost", "lost", "lost");

        sink.Open();
        writer.Dispose();

        Assert.That(sink.Batches, Is.EqualTo(new[] { "in hand", "1,2,3,4", "suppressed 3 log lines" }));
        Assert.That(sink.Lines[^1].Level, Is.EqualTo(LogLevel.Warning));
    }

    [Test, CancelAfter(10_000)]
    public async Task Write_SinkTakesNothing_IsTriedAgainASecondLaterWithoutLoss(CancellationToken cancellationToken)
    {
        var time = new SteppedTime();
        using var sink = new GatedSink { Refusals = 1 };
        sink.Open();
        var writer = new MaillogWriter(sink, time);
        var waits = time.NextTimer();

        Post(writer, "1");
        await waits.WaitAsync(cancellationToken);
        Assert.That(sink.Batches, Is.Empty);
        time.Step(TimeSpan.FromSeconds(1));
        writer.Dispose();

        Assert.That(sink.Batches, Is.EqualTo(new[] { "1" }));
    }

    [Test, CancelAfter(10_000)]
    public async Task Write_SinkTakesSome_OffersTheRestOnly(CancellationToken cancellationToken)
    {
        var time = new SteppedTime();
        using var sink = new GatedSink { TakesAtMost = 2 };
        var writer = new MaillogWriter(sink, time);
        Post(writer, "0");
        await sink.Entered(cancellationToken);
        Post(writer, "1", "2", "3");
        var waits = time.NextTimer();

        sink.Open();
        await waits.WaitAsync(cancellationToken);
        time.Step(TimeSpan.FromSeconds(1));
        writer.Dispose();

        Assert.That(sink.Batches, Is.EqualTo(new[] { "0", "1,2", "3" }));
    }

    [Test, CancelAfter(10_000)]
    public async Task Replace_WhileLinesWait_SendsThemToTheNewSinkAndClosesTheOld(CancellationToken cancellationToken)
    {
        using var old = new GatedSink();
        using var next = new GatedSink();
        next.Open();
        var writer = new MaillogWriter(old, TimeProvider.System);
        Post(writer, "1");
        await old.Entered(cancellationToken);
        Post(writer, "2");

        writer.Replace(next);
        old.Open();
        writer.Dispose();

        Assert.That(old.Batches, Is.EqualTo(new[] { "1" }));
        Assert.That(next.Batches, Is.EqualTo(new[] { "2" }));
        Assert.That((old.IsClosed, next.IsClosed), Is.EqualTo((true, true)));
    }

    // A pipe nobody reads, a file server that is away.
    [Test, CancelAfter(10_000)]
    public async Task Replace_SinkThatHangs_LeavesItAndLosesNoLine(CancellationToken cancellationToken)
    {
        var time = new SteppedTime();
        using var hanging = new GatedSink();
        using var next = new GatedSink();
        next.Open();
        var writer = new MaillogWriter(hanging, time);
        Post(writer, "1");
        await hanging.Entered(cancellationToken);
        Post(writer, "2", "3");
        var waits = time.NextTimer();

        writer.Replace(next);
        await waits.WaitAsync(cancellationToken);
        Assert.That(next.Batches, Is.Empty, "it may only be slow");
        time.Step(TimeSpan.FromSeconds(1));
        await next.Entered(cancellationToken);
        writer.Dispose();

        Assert.That(next.Batches, Is.EqualTo(new[] { "1", "2,3" }));
        Assert.That(hanging.IsClosed, Is.False, "not while it writes");
        hanging.Open();
        await Eventually.HoldsAsync(() => hanging.IsClosed, TimeSpan.FromSeconds(5), "it is closed when it ends", cancellationToken);
    }

    [Test]
    public void Dispose_Twice_IsHarmless()
    {
        using var sink = new GatedSink();
        var writer = new MaillogWriter(sink, TimeProvider.System);
        writer.Dispose();

        Assert.That(writer.Dispose, Throws.Nothing);
    }

    private static void Post(MaillogWriter writer, params string[] texts)
    {
        foreach (var text in texts)
            writer.Post(new MaillogLine(default, LogLevel.Information, "smtpd", text, null));
    }

    private sealed class GatedSink : IMaillogSink
    {
        private readonly TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _entered = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public List<string> Batches { get; } = [];

        public List<MaillogLine> Lines { get; } = [];

        public int Refusals { get; set; }

        public int TakesAtMost { get; init; } = int.MaxValue;

        public bool IsClosed { get; private set; }

        public Task Entered(CancellationToken cancellationToken) => _entered.Task.WaitAsync(cancellationToken);

        public void Open() => _open.TrySetResult();

        public async ValueTask<int> WriteAsync(ReadOnlyMemory<MaillogLine> lines, CancellationToken cancellationToken)
        {
            _entered.TrySetResult();
            await _open.Task;
            if (Refusals-- > 0)
                return 0;
            var taken = lines[..Math.Min(lines.Length, TakesAtMost)].ToArray();
            Lines.AddRange(taken);
            Batches.Add(string.Join(',', taken.Select(l => l.Text)));
            return taken.Length;
        }

        public void Dispose() => IsClosed = true;
    }
}
