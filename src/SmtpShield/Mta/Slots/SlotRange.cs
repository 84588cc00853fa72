using SmtpShield.Clients;

namespace SmtpShield.Mta.Slots;

/// <summary>A client range that holds sessions of a destination or waits for one. Changed under the lock of its <see cref="MtaSlots"/> alone.</summary>
/// <param name="client">Which range.</param>
internal sealed class SlotRange(ClientRange client)
{
    /// <summary>Its waiters, the one that came first of each standing; the others follow it in a ring.</summary>
    public OfStandings<WaitingPlace?> Oldest;

    /// <summary>Its index in the <see cref="RangeHeap"/> of each standing; 0: it has no waiter of it.</summary>
    public OfStandings<int> HeapIndex;

    // Not as the record it is: that would be padded to 32 octets, and there is one of these for each waiter.
    private readonly ulong _high = (ulong)(client.Bits >> 64);
    private readonly ulong _low = (ulong)client.Bits;
    private readonly byte _prefixLength = client.PrefixLength;
    private readonly bool _isIPv4 = client.IsIPv4;

    /// <summary>Which range.</summary>
    public ClientRange Client => new(new(_high, _low), _prefixLength, _isIPv4);

    /// <summary>The next one of the same bucket of the <see cref="SlotRanges"/>.</summary>
    public SlotRange? NextInBucket { get; set; }

    /// <summary>Sessions it holds.</summary>
    public int Held { get; set; }

    /// <summary>Whether nothing is known of it any more: it neither holds nor waits.</summary>
    public bool IsIdle
    {
        get
        {
            if (Held > 0)
                return false;

            foreach (var oldest in Oldest)
            {
                if (oldest is not null)
                    return false;
            }

            return true;
        }
    }
}
