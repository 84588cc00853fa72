namespace SmtpShield.Limits;

/// <summary>
/// What clients were refused lately, so that it can be explained. Written at refusals and at errors that counted, never for mail that is accepted; it decides
/// nothing.
/// </summary>
/// <remarks>
/// At most <c>shield_history_size</c> clients, of some 250 octets each, allocated as they come and used again when it is full. Then the client goes that was
/// noted least recently of those that never came again: who has an event <see cref="Again"/> seconds behind its first is steady, and the steady have three
/// quarters, so that a flood of addresses that come once can't push them out. In shards, as the table of counts: a note takes the lock of one and a look-up.
/// </remarks>
internal sealed class ClientHistory
{
    /// <summary>Seconds between the first event of a client and one that makes it steady.</summary>
    public const int Again = 60;

    /// <summary>Clients of which the MTA's last refusal is kept, all shards together.</summary>
    public const int Replies = 4096;

    /// <summary>Shards there may be.</summary>
    public const int MaxShards = 64;

    // Fewer would make the shards' fill uneven.
    private const int MinShardCapacity = 1024;

    private readonly Func<int> _capacity;
    private readonly AnvilHash _hash = new();
    private readonly AnvilServices _services = new();
    private readonly ClientHistoryShard[] _shards;

    /// <summary>Makes an empty one. Its shards are as many as its size asks for now; the size itself may change.</summary>
    /// <param name="capacity">Clients there may be.</param>
    public ClientHistory(Func<int> capacity)
    {
        _capacity = capacity;
        _shards = new ClientHistoryShard[Math.Clamp(capacity() / MinShardCapacity, 1, MaxShards)];
        for (var i = 0; i < _shards.Length; i++)
            _shards[i] = new(_hash, _services, Replies / _shards.Length);
    }

    /// <summary>Clients that may be remembered.</summary>
    public int Capacity => _capacity();

    /// <summary>An event was noted. Who listens is called by the session it happened in, with nothing locked, and must not wait.</summary>
    public event ClientNoted? Noted;

    /// <summary>Clients that are remembered now.</summary>
    public int Count => _shards.Sum(static shard => shard.Count);

    /// <summary>Clients that were forgotten, because the room was needed.</summary>
    public long Dropped => _shards.Sum(static shard => shard.Dropped);

    /// <summary>Notes an event.</summary>
    /// <param name="key">The client.</param>
    /// <param name="noted">The event.</param>
    /// <param name="overEnd">Of one of a limit's, <see cref="OverRun.End"/>; 0: that is not known.</param>
    public void Note(in AnvilKey key, in ClientEvent noted, int overEnd = 0)
    {
        ShardOf(key, out var its).Note(its, noted, overEnd, _capacity() / _shards.Length);
        Noted?.Invoke(key, noted);
    }

    /// <summary>Notes the reply by which the MTA has refused what an event was just noted of.</summary>
    /// <param name="key">The client.</param>
    /// <param name="text">Its first line; what is behind <see cref="RefusingReplies.Longest"/> octets is cut off.</param>
    public void NoteReply(in AnvilKey key, ReadOnlySpan<byte> text) => ShardOf(key, out var its).NoteReply(its, text);

    /// <summary>Notes that a connection of a client has ended which was refused one for those it has open.</summary>
    /// <param name="key">The client.</param>
    /// <param name="open">Connections that are open still.</param>
    public void NoteOpen(in AnvilKey key, int open) => ShardOf(key, out var its).NoteOpen(its, open);

    /// <summary>What is known of a client.</summary>
    /// <returns>Null: nothing.</returns>
    public PastView? Of(in AnvilKey key) => ShardOf(key, out var its).Of(its);

    /// <summary>What is known of those that came again, and then of others, each those first that were noted last.</summary>
    /// <param name="most">So many, all shards together.</param>
    public IEnumerable<(AnvilKey Key, PastView Past)> Newest(int most) => _shards.SelectMany(shard => shard.Newest(Math.Max(1, most / _shards.Length)));

    /// <summary>Takes what an earlier process knew of a client, while there is room. Nobody is told.</summary>
    public void Restore(in AnvilKey key, PastView known) => ShardOf(key, out var its).Restore(its, known, _capacity() / _shards.Length);

    /// <summary>Refusals a client has had; 0: none that is known.</summary>
    public int RefusedTo(in AnvilKey key) => ShardOf(key, out var its).RefusedTo(its);

    /// <summary>Shows who was refused anything, and how often, copying a few at a time.</summary>
    /// <param name="visit">Looks, with nothing locked.</param>
    public void Scan(Action<AnvilKey, int> visit)
    {
        foreach (var shard in _shards)
            shard.Scan(visit);
    }

    private ClientHistoryShard ShardOf(in AnvilKey key, out PastKey its)
    {
        var service = _services.NumberOf(key.Service);
        its = new(key.Client, service, _hash.Of(key.Client, service));
        return _shards[its.Hash % (uint)_shards.Length];
    }
}
