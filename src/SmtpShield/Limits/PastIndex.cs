namespace SmtpShield.Limits;

/// <summary>
/// Pasts of clients by their keys: a table of chains through the pasts themselves, of 8 to 16 octets for each. Not thread-safe.
/// </summary>
internal sealed class PastIndex
{
    private const int Smallest = 16;

    private ClientPast?[] _places = new ClientPast?[Smallest];

    /// <summary>Clients there are.</summary>
    public int Count { get; private set; }

    /// <summary>That of a client; null: there is none.</summary>
    public ClientPast? Find(in AnvilKey key) => LinkTo(key);

    /// <summary>Adds that of a client that has none.</summary>
    public void Add(ClientPast past)
    {
        if (Count == _places.Length)
            Grow();
        Link(past);
        Count++;
    }

    /// <summary>Takes out that of a client that has one.</summary>
    public void Remove(ClientPast past)
    {
        LinkTo(past.Key) = past.Next;
        past.Next = null;
        Count--;
    }

    private void Link(ClientPast past)
    {
        ref var first = ref PlaceOf(past.Key);
        past.Next = first;
        first = past;
    }

    // What leads to it; the end of its chain where there is none.
    private ref ClientPast? LinkTo(in AnvilKey key)
    {
        ref var link = ref PlaceOf(key);
        while (link is { } past && past.Key != key)
            link = ref past.Next;
        return ref link;
    }

    // The low bits have chosen the shard.
    private ref ClientPast? PlaceOf(in AnvilKey key) => ref _places[(uint)key.GetHashCode() / ClientHistory.MaxShards & (uint)(_places.Length - 1)];

    private void Grow()
    {
        var before = _places;
        _places = new ClientPast?[before.Length * 2];
        foreach (var first in before)
        {
            for (var past = first; past is not null;)
            {
                var next = past.Next;
                Link(past);
                past = next;
            }
        }
    }
}
