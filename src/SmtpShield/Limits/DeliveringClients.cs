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

    private readonly DeliveringShard[] _shards = [.. Enumerable.Range(0, ShardCount).Select(static _ => new DeliveringShard(HalfCapacity))];

    /// <summary>Ranges there are.</summary>
    public int Count => _shards.Sum(static shard => shard.Count);

    /// <summary>Ranges that went because their room was needed.</summary>
    public long Dropped => _shards.Sum(static shard => shard.Dropped);

    /// <summary>How often mail was noted: as long as it is the same, all else is, too.</summary>
    public long Noted => _shards.Sum(static shard => shard.Noted);

    /// <summary>The MTA has accepted a message of a range.</summary>
    /// <returns>Whether it is its first one in these six hours.</returns>
    public bool Note(in ClientRange range)
    {
        var now = Now;
        return ShardOf(range).Add(range, new(1, now)) is not { } before || before / Again != now / Again;
    }

    /// <summary>The MTA has accepted a message of a range at another shield: it counts as one if none is known.</summary>
    public void NoteElsewhere(in ClientRange range, DateTimeOffset at) =>
        ShardOf(range).Add(range, new(Find(range) is null ? 1u : 0, (uint)Math.Clamp(at.ToUnixTimeSeconds(), 0, Now)));

    /// <summary>The mail of a range was known to an earlier process. What is known by now is added to it.</summary>
    public void Restore(in ClientRange range, DeliveredMail mail) =>
        ShardOf(range).Add(range, new(mail.Messages, (uint)Math.Clamp(mail.LastAt.ToUnixTimeSeconds(), 0, Now)));

    /// <summary>The mail of a range.</summary>
    /// <returns>Null: none is known.</returns>
    public DeliveredMail? Find(in ClientRange range) => ShardOf(range).Find(range)?.Told();

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
    public IEnumerable<KeyValuePair<ClientRange, DeliveredMail>> All() => _shards.SelectMany(static shard => shard.Copy())
        .Select(static one => KeyValuePair.Create(one.Key, one.Value.Told()));

    // Of the clock on the wall, since it is kept. 2106.
    private uint Now => (uint)time.GetUtcNow().ToUnixTimeSeconds();

    private DeliveringShard ShardOf(in ClientRange range) => _shards[(uint)range.GetHashCode() % ShardCount];
}
