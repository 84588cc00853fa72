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

    // A fourth of the time that counts for bans: others know of its mail as exactly as that.
    private const uint Again = 6 * 3600;
    private const int HalfCapacity = Capacity / ShardCount / 2;

    private readonly Shard[] _shards = [.. Enumerable.Range(0, ShardCount).Select(static _ => new Shard())];

    /// <summary>Ranges there are.</summary>
    public int Count => _shards.Sum(static shard => shard.Count);

    /// <summary>Ranges that went because their room was needed.</summary>
    public long Dropped => _shards.Sum(static shard => shard.Dropped);

    /// <summary>The MTA has accepted a message of a range.</summary>
    /// <returns>Whether it is its first one in these six hours.</returns>
    public bool Note(in ClientRange range)
    {
        var now = Now;
        return ShardOf(range).Add(range, 1, now) is not { } before || before / Again != now / Again;
    }

    /// <summary>The MTA has accepted a message of a range at another shield: it counts as one if none is known.</summary>
    public void NoteElsewhere(in ClientRange range, DateTimeOffset at) =>
        ShardOf(range).Add(range, Find(range) is null ? 1u : 0, (uint)Math.Clamp(at.ToUnixTimeSeconds(), 0, Now));

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
        private Half _younger = new();
        private Half _older = new();
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

        // The second of the last one before; null: there was none.
        public uint? Add(in ClientRange range, uint messages, uint lastAt)
        {
            lock (_gate)
            {
                var before = _younger.Find(range);
                if (before is null)
                {
                    before = _older.Take(range);
                    if (_younger.Count == HalfCapacity)
                        Age();
                }

                var mail = before ?? default;

                _younger.Set(
                    range, new(mail.Messages > uint.MaxValue - messages ? uint.MaxValue : mail.Messages + messages, Math.Max(mail.LastAt, lastAt)));
                return before?.LastAt;
            }
        }

        public DeliveredMail? Find(in ClientRange range)
        {
            lock (_gate)
                return (_younger.Find(range) ?? _older.Find(range))?.Told();
        }

        public int CountSince(uint second)
        {
            lock (_gate)
                return _older.CountSince(second) + _younger.CountSince(second);
        }

        public KeyValuePair<ClientRange, DeliveredMail>[] Copy()
        {
            var all = new List<KeyValuePair<ClientRange, Mail>>(2 * HalfCapacity);
            lock (_gate)
            {
                _older.CopyTo(all);
                _younger.CopyTo(all);
            }

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

    // An IPv4 address, which most are, takes 24 octets; any other range 44.
    private sealed class Half
    {
        private const int AddressLength = 32;

        private readonly Dictionary<uint, Mail> _addresses = [];
        private readonly Dictionary<ClientRange, Mail> _others = [];

        public int Count => _addresses.Count + _others.Count;

        public Mail? Find(in ClientRange range)
        {
            var isKnown = IsShort(range) ? _addresses.TryGetValue((uint)range.Bits, out var mail) : _others.TryGetValue(range, out mail);
            return isKnown ? mail : null;
        }

        public Mail? Take(in ClientRange range)
        {
            var isKnown = IsShort(range) ? _addresses.Remove((uint)range.Bits, out var mail) : _others.Remove(range, out mail);
            return isKnown ? mail : null;
        }

        public void Set(in ClientRange range, Mail mail)
        {
            if (IsShort(range))
                _addresses[(uint)range.Bits] = mail;
            else
                _others[range] = mail;
        }

        public int CountSince(uint second)
        {
            var count = 0;
            foreach (var mail in _addresses.Values)
                count += mail.LastAt >= second ? 1 : 0;
            foreach (var mail in _others.Values)
                count += mail.LastAt >= second ? 1 : 0;
            return count;
        }

        public void CopyTo(List<KeyValuePair<ClientRange, Mail>> all)
        {
            foreach (var (address, mail) in _addresses)
                all.Add(new(new(address, AddressLength, isIPv4: true), mail));
            all.AddRange(_others);
        }

        public void Clear()
        {
            _addresses.Clear();
            _others.Clear();
        }

        private static bool IsShort(in ClientRange range) => range is { IsIPv4: true, PrefixLength: AddressLength };
    }

    private readonly record struct Mail(uint Messages, uint LastAt)
    {
        public DeliveredMail Told() => new(Messages, DateTimeOffset.FromUnixTimeSeconds(LastAt));
    }
}
