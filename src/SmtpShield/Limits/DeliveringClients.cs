using SmtpShield.Clients;

namespace SmtpShield.Limits;

/// <summary>
/// Whose mail the MTA has accepted, when last, and how much. It says whom a limit that is tried, or a ban, would hit wrongly; it decides no limit. Kept over a
/// restart by <see cref="DeliveringFile"/>.
/// </summary>
/// <remarks>
/// At most <see cref="Capacity"/> ranges. Each shard has two halves: a range is noted in the younger one, and when that is full the older one goes and it takes
/// its place, so those go that have had nothing accepted for the longest time. A note takes a lock of a sixteenth of the table and a look-up or two. Where
/// STARTTLS is passed on the shield sees no message: nobody delivers there.
/// </remarks>
/// <param name="time">The clock.</param>
internal sealed class DeliveringClients(TimeProvider time)
{
    /// <summary>Ranges there may be.</summary>
    public const int Capacity = 262_144;

    private const int ShardCount = 16;
    private const int HalfCapacity = Capacity / ShardCount / 2;

    private readonly Shard[] _shards = [.. Enumerable.Range(0, ShardCount).Select(static _ => new Shard())];

    /// <summary>Ranges there are.</summary>
    public int Count => _shards.Sum(static shard => shard.Count);

    /// <summary>Ranges that went because their room was needed.</summary>
    public long Dropped => _shards.Sum(static shard => shard.Dropped);

    /// <summary>The MTA has accepted a message of a range.</summary>
    public void Note(in ClientRange range) => ShardOf(range).Add(range, 1, Now);

    /// <summary>The mail of a range was known to an earlier process. What is known by now is added to it.</summary>
    public void Restore(in ClientRange range, DeliveredMail mail) =>
        ShardOf(range).Add(range, mail.Messages, (uint)Math.Clamp(mail.LastAt.ToUnixTimeSeconds(), 0, Now));

    /// <summary>The mail of a range.</summary>
    /// <returns>Null: none is known.</returns>
    public DeliveredMail? Find(in ClientRange range) => ShardOf(range).Find(range);

    /// <summary>Whether the MTA has accepted mail of a range.</summary>
    /// <param name="range">Whose.</param>
    /// <param name="within">In the last how much time.</param>
    public bool HasDelivered(in ClientRange range, TimeSpan within) => Find(range) is { } mail && time.GetUtcNow() - mail.LastAt <= within;

    /// <summary>Ranges the MTA has accepted mail of since then.</summary>
    public int CountSince(DateTimeOffset since)
    {
        var second = (uint)Math.Max(0, since.ToUnixTimeSeconds());
        return _shards.Sum(shard => shard.CountSince(second));
    }

    /// <summary>All of them, copied shard by shard: those with the oldest mail of a shard first.</summary>
    public IEnumerable<KeyValuePair<ClientRange, DeliveredMail>> All() => _shards.SelectMany(static shard => shard.Copy());

    // Of the clock on the wall, since it is kept. 2106.
    private uint Now => (uint)time.GetUtcNow().ToUnixTimeSeconds();

    private Shard ShardOf(in ClientRange range) => _shards[(uint)range.GetHashCode() % ShardCount];

    private sealed class Shard
    {
        private readonly Lock _gate = new();
        private Dictionary<ClientRange, Mail> _younger = [];
        private Dictionary<ClientRange, Mail> _older = [];
        private long _dropped;

        public int Count
        {
            get
            {
                lock (_gate)
                    return _younger.Count + _older.Count;
            }
        }

        public long Dropped => Volatile.Read(ref _dropped);

        public void Add(in ClientRange range, uint messages, uint lastAt)
        {
            lock (_gate)
            {
                if (!_younger.TryGetValue(range, out var mail))
                {
                    _older.Remove(range, out mail);
                    if (_younger.Count == HalfCapacity)
                        Age();
                }

                _younger[range] = new(mail.Messages > uint.MaxValue - messages ? uint.MaxValue : mail.Messages + messages, Math.Max(mail.LastAt, lastAt));
            }
        }

        public DeliveredMail? Find(in ClientRange range)
        {
            lock (_gate)
                return _younger.TryGetValue(range, out var mail) || _older.TryGetValue(range, out mail) ? mail.Told() : null;
        }

        public int CountSince(uint second)
        {
            lock (_gate)
                return _older.Values.Count(mail => mail.LastAt >= second) + _younger.Values.Count(mail => mail.LastAt >= second);
        }

        public KeyValuePair<ClientRange, DeliveredMail>[] Copy()
        {
            KeyValuePair<ClientRange, Mail>[] all;
            lock (_gate)
                all = [.. _older, .. _younger];
            // Sorted with nothing locked: sessions wait for the shard.
            return [.. all.OrderBy(static one => one.Value.LastAt).Select(static one => KeyValuePair.Create(one.Key, one.Value.Told()))];
        }

        private void Age()
        {
            _dropped += _older.Count;
            (_younger, _older) = (_older, _younger);
            _younger.Clear();
        }
    }

    private readonly record struct Mail(uint Messages, uint LastAt)
    {
        public DeliveredMail Told() => new(Messages, DateTimeOffset.FromUnixTimeSeconds(LastAt));
    }
}
