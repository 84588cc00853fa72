using SmtpShield.Control.Events;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Control.Events;

/// <summary>Who reads what: in order, bounded, and with what is missing said.</summary>
[CancelAfter(30_000)]
[Property("Operations", "OPS-8")]
internal sealed class EventStreamTests
{
    private readonly FakeTimeProvider _time = new();
    private EventStream _stream = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _stream = new(_time);
        await _stream.StartAsync(default);
    }

    [TearDown]
    public async Task StopAsync()
    {
        await _stream.StopAsync(default);
        _stream.Dispose();
    }

    [Test]
    public async Task Publish_OfTopicsThatAreWantedAndNot_ComesInOrder(CancellationToken cancellationToken)
    {
        using var some = Open("stress,log");
        using var all = Open("stress,log,limited");

        for (var i = 0; i < 50; i++)
        {
            _stream.Publish(StreamTopic.Stress, Event(i));
            _stream.Publish(StreamTopic.Limited, Event(i));
        }

        var texts = await ReadAsync(all, 100, cancellationToken);
        Assert.That(texts, Is.EqualTo(Enumerable.Range(0, 100).Select(i => (i + 1L, Service(i / 2), i % 2 == 0 ? "stress" : "limited"))));
        Assert.That(await ReadAsync(some, 50, cancellationToken), Is.EqualTo(texts.Where(static text => text.Name == "stress")));
    }

    [Test]
    public void Publish_WhileNobodyWatches_IsNothing()
    {
        _stream.Publish(StreamTopic.Stress, Event(0));
        Assert.That(_stream.IsWatched(StreamTopic.Stress), Is.False);
        using var reader = Open("log");
        Assert.That((_stream.IsWatched(StreamTopic.Log), _stream.IsWatched(StreamTopic.Stress)), Is.EqualTo((true, false)));
    }

    [TestCase(256, 0)]
    [TestCase(257, 1)]
    [TestCase(600, 344)]
    public async Task Take_ByOneWhoIsSlow_HasTheNewestBehindAGapWithTheNumber(int events, int lost, CancellationToken cancellationToken)
    {
        using var slow = Open("stress");
        using var fast = Open("stress");
        for (var i = 0; i < events; i++)
        {
            _stream.Publish(StreamTopic.Stress, Event(i));
            await ReadAsync(fast, 1, cancellationToken);
        }

        var batch = slow.Take();

        Assert.Multiple(() =>
        {
            Assert.That((batch.HasGap, batch.Lost), Is.EqualTo((lost > 0, (long?)lost)));
            Assert.That(batch.Frames.Select(static frame => frame.Number), Is.EqualTo(Enumerable.Range(lost + 1, events - lost)));
            Assert.That(slow.Take().HasGap, Is.False, "said once");
        });
    }

    [TestCase(0, 1024, 1024, 0)]
    [TestCase(1000, 1024, 24, 0)]
    [TestCase(1024, 1024, 0, 0)]
    [TestCase(10, 1100, 1024, 66)]
    public async Task TryOpen_BehindAnEventThatWasRead_GoesOnThere(int read, int events, int resumed, int lost, CancellationToken cancellationToken)
    {
        string first;
        using (var reader = Open("stress"))
        {
            var frames = new List<EventFrame>();
            for (var i = 0; i < events; i++)
            {
                _stream.Publish(StreamTopic.Stress, Event(i));
                while (frames.Count <= i)
                {
                    await reader.WaitAsync(cancellationToken);
                    frames.AddRange(reader.Take().Frames);
                }
            }

            first = IdOf(frames[0]);
        }

        var epoch = first[..first.IndexOf('-', StringComparison.Ordinal)];
        using var again = Open("stress", $"{epoch}-{read}");
        var batch = again.Take();
        Assert.That((batch.Frames.Count, batch.HasGap, batch.Lost), Is.EqualTo((resumed, lost > 0, (long?)lost)));
        Assert.That(batch.Frames.Select(static frame => frame.Number), Is.EqualTo(Enumerable.Range(events - resumed + 1, resumed)));
    }

    [TestCase("1-1")]
    [TestCase("nonsense")]
    [TestCase("1767225600000-99")]
    public void TryOpen_BehindAnEventOfAnotherStart_SaysThatSomethingIsMissing(string id)
    {
        using var reader = Open("stress", id);
        var batch = reader.Take();
        Assert.That((batch.HasGap, batch.Lost, batch.Frames.Count), Is.EqualTo((true, (long?)null, 0)));
    }

    // Whoever reads another topic meanwhile.
    [Test]
    public async Task Publish_OfATopicThatNobodyReadsAnyMore_IsTextOnlyForWhoComesBack(CancellationToken cancellationToken)
    {
        string last;
        using (var reader = Open("stress"))
        {
            _stream.Publish(StreamTopic.Stress, Event(0));
            last = IdOf(await OneAsync(reader, cancellationToken));
        }

        using var other = Open("log");
        _stream.Publish(StreamTopic.Stress, Event(1));
        _stream.Publish(StreamTopic.Log, Event(2));
        Assert.That((await OneAsync(other, cancellationToken)).IsText, Is.True);

        using var again = Open("stress", last);
        var kept = await OneAsync(again, cancellationToken);
        Assert.That((kept.Number, kept.IsText), Is.EqualTo((2L, false)));
        Assert.That(System.Text.Encoding.ASCII.GetString(kept.Text), Does.Contain("event: stress\ndata: {"));
    }

    // Who makes text of them has not begun: they all wait.
    [Test]
    public async Task Publish_OfMoreThanMayWait_TellsWhoReadsHowManyAreMissing(CancellationToken cancellationToken)
    {
        using var stream = new EventStream(_time);
        using var reader = stream.TryOpen(StreamTopics.Parse("stress"), null)!;
        for (var i = 0; i < EventStream.Intake + 50; i++)
            stream.Publish(StreamTopic.Stress, Event(i));

        await stream.StartAsync(cancellationToken);
        var (told, lost) = (0, 0L);
        while (told + lost < EventStream.Intake + 50)
        {
            await reader.WaitAsync(cancellationToken);
            var batch = reader.Take();
            (told, lost) = (told + batch.Frames.Count, lost + batch.Lost!.Value);
        }

        await stream.StopAsync(cancellationToken);
        Assert.That(lost, Is.GreaterThanOrEqualTo(50));
    }

    [Test]
    public async Task StoppingAsync_WithReaders_EndsThemBehindWhatTheyHave(CancellationToken cancellationToken)
    {
        using var reader = Open("stress");
        _stream.Publish(StreamTopic.Stress, Event(7));
        await reader.WaitAsync(cancellationToken);
        while (reader.Take() is { Frames.Count: 0 })
            await reader.WaitAsync(cancellationToken);

        await _stream.StoppingAsync(cancellationToken);
        await reader.WaitAsync(cancellationToken);

        using var late = Open("stress");
        Assert.That((reader.Take().IsLast, late.Take().IsLast), Is.EqualTo((true, true)));
    }

    [Test]
    public void TryOpen_AtTheBound_HasRoomAgainWhenOneLeaves()
    {
        var readers = Enumerable.Range(0, EventStream.MostReaders).Select(_ => Open("stress")).ToList();
        Assert.That(_stream.TryOpen(StreamTopics.All, null), Is.Null);
        readers[3].Dispose();
        using var next = _stream.TryOpen(StreamTopics.All, null);
        Assert.That(next, Is.Not.Null);
        readers.ForEach(static reader => reader.Dispose());
        Assert.That(_stream.Readers, Is.EqualTo(1));
    }

    [TestCase(299, true)]
    [TestCase(300, false)]
    public void Rest_AfterTheLastReader_KeepsForFiveMinutes(int seconds, bool isWatched)
    {
        Open("stress").Dispose();
        _time.Advance(TimeSpan.FromSeconds(seconds));
        _stream.Rest();
        Assert.That(_stream.IsWatched(StreamTopic.Stress), Is.EqualTo(isWatched));
    }

    [Test]
    public async Task Rest_OfATopicWhileAnotherIsRead_EndsItAndTellsWhoComesBack(CancellationToken cancellationToken)
    {
        using var stays = Open("log,stress");
        var leaves = Open("limited,stress");
        _stream.Publish(StreamTopic.Stress, Event(0));
        var id = $"{_time.GetUtcNow().ToUnixTimeMilliseconds()}-1";
        await ReadAsync(stays, 1, cancellationToken);
        leaves.Dispose();
        _time.Advance(TimeSpan.FromSeconds(300));

        _stream.Rest();

        Assert.That((_stream.IsWatched(StreamTopic.Limited), _stream.IsWatched(StreamTopic.Stress)), Is.EqualTo((false, true)));
        using var back = Open("limited", id);
        using var other = Open("stress", id);
        using var again = Open("limited", id);
        Assert.That((back.Take().HasGap, other.Take().HasGap, again.Take().HasGap), Is.EqualTo((true, false, true)));
        Assert.That(_stream.IsWatched(StreamTopic.Limited), Is.True);
    }

    // More events at once than wait for their text: who reads is told how many he has not been given.
    [Test]
    public async Task Publish_MoreThanWait_TellsReadersHowManyAreMissing(CancellationToken cancellationToken)
    {
        using var stream = new EventStream(_time);
        using var reader = stream.TryOpen(StreamTopics.All, null)!;
        for (var i = 0; i < EventStream.Intake + 70; i++)
            stream.Publish(StreamTopic.Stress, Event(i));
        await stream.StartAsync(cancellationToken);

        var (frames, lost) = (0, 0L);
        while (frames + lost < EventStream.Intake + 70)
        {
            await reader.WaitAsync(cancellationToken);
            var batch = reader.Take();
            (frames, lost) = (frames + batch.Frames.Count, lost + batch.Lost!.Value);
        }

        Assert.That((lost >= 70, frames + lost), Is.EqualTo((true, (long)EventStream.Intake + 70)));
        await stream.StopAsync(cancellationToken);
    }

    private EventReader Open(string topics, string? lastId = null) => _stream.TryOpen(StreamTopics.Parse(topics), lastId)!;

    private static StressEvent Event(int number) => new(DateTimeOffset.UnixEpoch, Service(number), true);

    private static string Service(int number) => $"s{number}";

    private static async Task<EventFrame> OneAsync(EventReader reader, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (reader.Take() is { Frames: [var frame, ..] })
                return frame;
            await reader.WaitAsync(cancellationToken);
        }
    }

    private static string IdOf(EventFrame frame) => System.Text.Encoding.ASCII.GetString(frame.Text).Split('\n')[0]["id: ".Length..];

    private static async Task<List<(long Number, string Service, string Name)>> ReadAsync(EventReader reader, int count, CancellationToken cancellationToken)
    {
        var all = new List<(long, string, string)>();
        while (all.Count < count)
        {
            await reader.WaitAsync(cancellationToken);
            foreach (var frame in reader.Take().Frames)
            {
                var lines = System.Text.Encoding.ASCII.GetString(frame.Text).Split('\n');
                var json = System.Text.Json.JsonDocument.Parse(lines[2]["data: ".Length..]);
                all.Add((frame.Number, json.RootElement.GetProperty("service").GetString()!, lines[1]["event: ".Length..]));
            }
        }

        return all;
    }
}
