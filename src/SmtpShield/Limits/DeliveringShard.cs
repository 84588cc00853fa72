using SmtpShield.Clients;

namespace SmtpShield.Limits;

/// <summary>A part of <see cref="DeliveringClients"/>, with a lock of its own: two halves, of which the older one goes when the younger one is full.</summary>
/// <param name="capacity">Ranges of a half.</param>
internal sealed class DeliveringShard(int capacity)
{
    private readonly Lock _gate = new();
    private DeliveringHalf _younger = new(capacity);
    private DeliveringHalf _older = new(capacity);
    private long _dropped;
    private long _noted;

    /// <summary>Ranges there are.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _younger.Count + _older.Count;
        }
    }

    /// <summary>Ranges that went because their room was needed.</summary>
    public long Dropped => Volatile.Read(ref _dropped);

    /// <summary>How often mail was added.</summary>
    public long Noted => Volatile.Read(ref _noted);

    /// <summary>Adds mail of a range.</summary>
    /// <returns>The second of the last one before; null: there was none.</returns>
    public uint? Add(in ClientRange range, AcceptedMessages more)
    {
        lock (_gate)
        {
            var before = _younger.Find(range);
            if (before is null)
            {
                before = _older.Take(range);
                if (_younger.Count == capacity)
                    Age();
            }

            _younger.Set(range, (before ?? default).With(more));
            _noted++;
            return before?.LastAt;
        }
    }

    /// <summary>The mail of a range; null: none is known.</summary>
    public AcceptedMessages? Find(in ClientRange range)
    {
        lock (_gate)
            return _younger.Find(range) ?? _older.Find(range);
    }

    /// <summary>How many had mail accepted since a second.</summary>
    public int CountSince(uint second)
    {
        lock (_gate)
            return _older.CountSince(second) + _younger.CountSince(second);
    }

    /// <summary>All of them, those with the oldest mail first.</summary>
    public IEnumerable<KeyValuePair<ClientRange, AcceptedMessages>> Copy()
    {
        DeliveringHalf older, younger;
        lock (_gate)
            (older, younger) = (_older.Copy(), _younger.Copy());

        // Listed and sorted with nothing locked: sessions wait for the shard.
        return older.All().Concat(younger.All()).OrderBy(static one => one.Value.LastAt);
    }

    private void Age()
    {
        _dropped += _older.Count;
        (_younger, _older) = (_older, _younger);
        _younger.Clear();
    }
}
