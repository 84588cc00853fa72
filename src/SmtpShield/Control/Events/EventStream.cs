using System.Globalization;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Extensions.Hosting;

namespace SmtpShield.Control.Events;

/// <summary>
/// What happens, as it happens, for those who watch: <see cref="Publish"/> from anywhere, <see cref="TryOpen"/> to read. Who publishes waits for nobody: he
/// puts a value into a queue of <see cref="Intake"/>, and one task makes text of it, once for all readers. While nobody watches nothing is published. What was
/// is kept for who comes back, and what happens within five minutes of the last reader's end, too: as values, of which text is made when he does.
/// </summary>
/// <remarks>At most <see cref="MostReaders"/> readers, and <see cref="Kept"/> events for those who come back.</remarks>
internal sealed class EventStream : BackgroundService, IHostedLifecycleService
{
    /// <summary>Readers at most.</summary>
    public const int MostReaders = 8;

    /// <summary>Readers over TCP at most: on the control socket there is always one more.</summary>
    public const int MostOverTcp = 6;

    /// <summary>Events that are kept for who comes back.</summary>
    public const int Kept = 1024;

    /// <summary>Events that wait to be made text of; further ones are left out, and counted.</summary>
    public const int Intake = 1024;

    private static readonly TimeSpan KeptFor = TimeSpan.FromMinutes(5);
    private static readonly int _topics = Enum.GetValues<StreamTopic>().Length;

    private readonly TimeProvider _time;
    private readonly Channel<(StreamTopic Topic, object Value)> _intake =
        Channel.CreateBounded<(StreamTopic, object)>(new BoundedChannelOptions(Intake) { SingleReader = true, AllowSynchronousContinuations = false });

    private readonly string _epoch;
    private readonly Lock _gate = new();
    private readonly List<EventReader> _readers = [];
    private readonly Queue<EventFrame> _kept = new();
    private readonly long[] _leftAt = new long[_topics];
    private readonly long[] _wholeFrom = new long[_topics];
    private long _last;
    private long _leftOut;
    private volatile int _wanted;
    private bool _isOver;

    /// <summary>Nobody watches.</summary>
    public EventStream(TimeProvider time)
    {
        _time = time;
        // Numbers begin anew with each start: who comes back from an earlier one must not be given the wrong events.
        _epoch = time.GetUtcNow().ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>Readers there are.</summary>
    public int Readers
    {
        get
        {
            lock (_gate)
                return _readers.Count;
        }
    }

    /// <summary>Whether somebody watches a topic, or has within five minutes: else nothing of it needs to be published.</summary>
    public bool IsWatched(StreamTopic topic) => new StreamTopics(_wanted).Contains(topic);

    /// <summary>Tells all who watch. From any thread; it waits for nobody, and where there is no room the event is left out.</summary>
    /// <param name="topic">What it is about.</param>
    /// <param name="value">What it says: of a type that <see cref="ControlJson"/> knows, and that does not change any more.</param>
    public void Publish(StreamTopic topic, object value)
    {
        if (IsWatched(topic) && !_intake.Writer.TryWrite((topic, value)))
            Interlocked.Increment(ref _leftOut);
    }

    /// <summary>Begins to read.</summary>
    /// <param name="topics">What about.</param>
    /// <param name="lastId">The id of the last event that was read before; null or empty: none was.</param>
    /// <param name="most">How many readers there may be then.</param>
    /// <returns>Null: there are so many already.</returns>
    public EventReader? TryOpen(StreamTopics topics, string? lastId, int most = MostReaders)
    {
        lock (_gate)
        {
            if (_readers.Count >= most)
                return null;
            _wanted |= topics.Bits;
            var (resumed, lost) = Since(lastId, topics);
            var reader = new EventReader(topics, resumed, lost, Leave);
            _readers.Add(reader);
            if (_isOver)
                reader.End();
            return reader;
        }
    }

    /// <summary>Looks which topics nobody has watched for a while: of them nothing is published any more.</summary>
    public void Rest()
    {
        lock (_gate)
        {
            var wanted = _readers.Aggregate(0, static (bits, reader) => bits | reader.Topics.Bits);
            for (var topic = 0; topic < _leftAt.Length; topic++)
            {
                if (_time.GetElapsedTime(_leftAt[topic]) < KeptFor)
                    wanted |= _wanted & (1 << topic);
            }

            var resting = _wanted & ~wanted;
            if (resting == 0)
                return;
            // What happens of them from here on has no number: who has read up to an earlier one than this, and comes back, is told that something is missing.
            _last++;
            for (var topic = 0; topic < _wholeFrom.Length; topic++)
            {
                if ((resting & (1 << topic)) != 0)
                    _wholeFrom[topic] = _last;
            }

            _wanted = wanted;
            if (wanted == 0)
                _kept.Clear();
        }
    }

    /// <inheritdoc />
    public Task StoppingAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            _isOver = true;
            foreach (var reader in _readers)
                reader.End();
        }

        return Task.CompletedTask;
    }

    /// <inheritdoc />
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc />
    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc />
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (await _intake.Reader.WaitToReadAsync(stoppingToken))
            {
                while (_intake.Reader.TryRead(out var next))
                    TryTell(next.Topic, next.Value);
            }
        }
        catch (OperationCanceledException)
        {
            // The program stops.
        }
    }

    // An event that can't be told is one that is left out: an exception here would end the program.
    private void TryTell(StreamTopic topic, object value)
    {
        try
        {
            Tell(topic, value);
        }
        catch (Exception exception) when (exception is NotSupportedException or InvalidOperationException or JsonException)
        {
            Interlocked.Increment(ref _leftOut);
        }
    }

    private void Tell(StreamTopic topic, object value)
    {
        lock (_gate)
        {
            // What was left out has a number, too: who comes back is told that something is missing.
            var leftOut = Interlocked.Read(ref _leftOut);
            var frame = new EventFrame(_epoch, _last + leftOut + 1, topic, value);
            if (_readers.Exists(reader => reader.Topics.Contains(topic)))
                _ = frame.Text;
            _last = frame.Number;
            Interlocked.Add(ref _leftOut, -leftOut);
            if (_kept.Count == Kept)
                _kept.Dequeue();
            _kept.Enqueue(frame);
            foreach (var reader in _readers)
            {
                // Of which topics they were nobody knows any more.
                if (leftOut > 0)
                    reader.Lose(leftOut);
                if (reader.Topics.Contains(topic))
                    reader.Offer(frame);
            }
        }
    }

    // Of all topics: which of those that are missing were wanted nobody knows any more.
    private (List<EventFrame> Resumed, long? Lost) Since(string? lastId, StreamTopics topics)
    {
        if (string.IsNullOrEmpty(lastId))
            return ([], 0);
        var dash = lastId.IndexOf('-', StringComparison.Ordinal);
        if (dash < 0 || lastId[..dash] != _epoch
            || !long.TryParse(lastId.AsSpan(dash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number > _last)
        {
            return ([], null);
        }

        for (var topic = 0; topic < _wholeFrom.Length; topic++)
        {
            if (topics.Contains((StreamTopic)topic) && number < _wholeFrom[topic])
                return ([], null);
        }

        var oldest = _kept.TryPeek(out var first) ? first.Number : _last + 1;
        return ([.. _kept.Where(frame => frame.Number > number && topics.Contains(frame.Topic))], Math.Max(0, oldest - number - 1));
    }

    private void Leave(EventReader reader)
    {
        lock (_gate)
        {
            if (!_readers.Remove(reader))
                return;
            for (var topic = 0; topic < _leftAt.Length; topic++)
            {
                if (reader.Topics.Contains((StreamTopic)topic))
                    _leftAt[topic] = _time.GetTimestamp();
            }
        }
    }
}
