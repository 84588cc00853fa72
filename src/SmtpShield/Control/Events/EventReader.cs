using System.Threading.Channels;

namespace SmtpShield.Control.Events;

/// <summary>
/// One who reads the stream: what waits for it, <see cref="Capacity"/> events at most. Who reads too slowly loses the oldest, and is told how many.
/// </summary>
internal sealed class EventReader : IDisposable
{
    /// <summary>Events that wait at most, beside those it resumes with.</summary>
    public const int Capacity = 256;

    private readonly Action<EventReader> _leave;
    private readonly Lock _gate = new();
    private readonly Queue<EventFrame> _waiting = new();
    private readonly Channel<bool> _bell = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private List<EventFrame> _resumed;
    private long _lost;
    private bool _isLostUnknown;
    private bool _isOver;

    /// <summary>Begins to read.</summary>
    /// <param name="topics">What it wants.</param>
    /// <param name="resumed">Events that came before.</param>
    /// <param name="lost">How many came before these that are not kept any more; null: nobody knows.</param>
    /// <param name="leave">Is called at its end.</param>
    public EventReader(StreamTopics topics, List<EventFrame> resumed, long? lost, Action<EventReader> leave)
    {
        (Topics, _resumed, _lost, _isLostUnknown, _leave) = (topics, resumed, lost ?? 0, lost is null, leave);
        Ring();
    }

    /// <summary>What it wants.</summary>
    public StreamTopics Topics { get; }

    /// <summary>An event has come.</summary>
    public void Offer(EventFrame frame)
    {
        lock (_gate)
        {
            if (_isOver)
                return;
            if (_waiting.Count == Capacity)
            {
                _waiting.Dequeue();
                _lost++;
            }

            _waiting.Enqueue(frame);
        }

        Ring();
    }

    /// <summary>Events were left out before any reader had them.</summary>
    public void Lose(long events)
    {
        lock (_gate)
            _lost += events;
        Ring();
    }

    /// <summary>There will be no more.</summary>
    public void End()
    {
        lock (_gate)
            _isOver = true;
        Ring();
    }

    /// <summary>Waits until there is something to take.</summary>
    public async Task WaitAsync(CancellationToken cancellationToken) => await _bell.Reader.ReadAsync(cancellationToken);

    /// <summary>Takes all that waits.</summary>
    public EventBatch Take()
    {
        lock (_gate)
        {
            var batch = new EventBatch(_lost > 0 || _isLostUnknown, _isLostUnknown ? null : _lost, [.. _resumed, .. _waiting], _isOver);
            (_resumed, _lost, _isLostUnknown) = ([], 0, false);
            _waiting.Clear();
            return batch;
        }
    }

    /// <inheritdoc />
    public void Dispose() => _leave(this);

    private void Ring() => _bell.Writer.TryWrite(true);
}

/// <summary>What has waited for a reader.</summary>
/// <param name="HasGap">Whether events are missing before these.</param>
/// <param name="Lost">How many; null: nobody knows.</param>
/// <param name="Frames">The events, in order.</param>
/// <param name="IsLast">Whether there will be no more.</param>
internal readonly record struct EventBatch(bool HasGap, long? Lost, IReadOnlyList<EventFrame> Frames, bool IsLast);
