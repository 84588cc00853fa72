using SmtpShield.Clients;

namespace SmtpShield.Mta.Slots;

/// <summary>
/// The ranges that hold or wait, found by what they are. A dictionary would keep each key a second time, which is a quarter of what a waiter costs.
/// </summary>
/// <remarks>
/// Not thread-safe: the owner locks. Buckets are doubled when there are two ranges to each, and stay: as many as were needed at the same time.
/// </remarks>
internal sealed class SlotRanges
{
    private const int PerBucket = 2;

    private SlotRange?[] _buckets = new SlotRange?[16];

    /// <summary>Ranges there are.</summary>
    public int Count { get; private set; }

    /// <summary>The record of a range; null: it neither holds nor waits.</summary>
    public SlotRange? Find(in ClientRange client)
    {
        var range = BucketOf(client);
        while (range is not null && range.Client != client)
            range = range.NextInBucket;
        return range;
    }

    /// <summary>The record of a range, made if there is none.</summary>
    public SlotRange FindOrAdd(in ClientRange client)
    {
        if (Find(client) is { } known)
            return known;

        if (Count == PerBucket * _buckets.Length)
            Grow();
        Count++;
        var range = new SlotRange(client);
        Insert(range);
        return range;
    }

    /// <summary>Forgets a range if it neither holds nor waits.</summary>
    public void ForgetIfIdle(SlotRange range)
    {
        if (!range.IsIdle)
            return;

        ref var link = ref BucketOf(range.Client);
        if (link == range)
        {
            link = range.NextInBucket;
        }
        else
        {
            var before = link!;
            while (before.NextInBucket != range)
                before = before.NextInBucket!;
            before.NextInBucket = range.NextInBucket;
        }

        Count--;
    }

    private void Insert(SlotRange range)
    {
        ref var bucket = ref BucketOf(range.Client);
        range.NextInBucket = bucket;
        bucket = range;
    }

    private void Grow()
    {
        var old = _buckets;
        _buckets = new SlotRange?[2 * old.Length];
        foreach (var first in old)
        {
            for (var range = first; range is not null;)
            {
                var next = range.NextInBucket;
                Insert(range);
                range = next;
            }
        }
    }

    private ref SlotRange? BucketOf(in ClientRange client) => ref _buckets[client.GetHashCode() & (_buckets.Length - 1)];
}
