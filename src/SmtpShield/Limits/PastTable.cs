namespace SmtpShield.Limits;

/// <summary>Pasts of clients by their keys. Not thread-safe.</summary>
/// <remarks>
/// They lie in chunks that are never moved, so growing copies none, and chains run through their indices, from 1. There are one or two to a bucket, which costs
/// 2 to 4 octets each. The room of those that went is used again.
/// </remarks>
internal sealed class PastTable(AnvilHash hash)
{
    // 3,840 octets.
    private const int ChunkSize = 16;
    private const int FirstBuckets = 16;
    private const int EntriesPerBucket = 2;

    private readonly List<ClientPast[]> _chunks = [];
    private int[] _buckets = new int[FirstBuckets];
    private int _firstFree;

    /// <summary>Clients there are.</summary>
    public int Count { get; private set; }

    /// <summary>The largest index there has been.</summary>
    public int Used { get; private set; }

    /// <summary>The past at an index other than 0.</summary>
    public ref ClientPast At(int index) => ref _chunks[(index - 1) / ChunkSize][(index - 1) % ChunkSize];

    /// <summary>The index of that of a client; 0: there is none.</summary>
    public int Find(in PastKey key)
    {
        var index = _buckets[BucketOf(key.Hash)];
        while (index != 0 && !At(index).Is(key))
            index = At(index).Next;
        return index;
    }

    /// <summary>Begins that of a client that has none.</summary>
    /// <returns>Its index.</returns>
    public int Add(in PastKey key, int second)
    {
        if (Count == EntriesPerBucket * _buckets.Length)
            Grow();
        var index = TakeFree();
        At(index) = new(key.Client, key.Service, second);
        Link(index, key.Hash);
        Count++;
        return index;
    }

    /// <summary>Takes out one that is there. Its room has refused nobody anything until it is used again.</summary>
    public void Remove(int index)
    {
        ref var past = ref At(index);
        ref var link = ref _buckets[BucketOf(hash.Of(past.Client, past.Service))];
        while (link != index)
            link = ref At(link).Next;
        link = past.Next;
        past = new() { Next = _firstFree };
        _firstFree = index;
        Count--;
    }

    private int TakeFree()
    {
        if (_firstFree is not 0 and var free)
        {
            _firstFree = At(free).Next;
            return free;
        }

        if (Used == _chunks.Count * ChunkSize)
            _chunks.Add(new ClientPast[ChunkSize]);
        return ++Used;
    }

    private void Link(int index, uint value)
    {
        ref var bucket = ref _buckets[BucketOf(value)];
        At(index).Next = bucket;
        bucket = index;
    }

    private void Grow()
    {
        var before = _buckets;
        _buckets = new int[2 * before.Length];
        foreach (var first in before)
        {
            for (var index = first; index != 0;)
            {
                ref var past = ref At(index);
                var next = past.Next;
                Link(index, hash.Of(past.Client, past.Service));
                index = next;
            }
        }
    }

    // The high bits: the low ones choose the shard.
    private int BucketOf(uint value) => (int)((ulong)value * (uint)_buckets.Length >> 32);
}
