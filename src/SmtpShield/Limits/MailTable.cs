namespace SmtpShield.Limits;

/// <summary>
/// Mail of many, each by its key, in one array without links: who finds its place taken takes the next one that is free. Four fifths of the places are in use
/// at most, so a look-up takes three steps, or a dozen where there is nothing. Not thread-safe.
/// </summary>
/// <param name="capacity">How many there may be.</param>
/// <typeparam name="TKey">Hashed as strangers' choices have to be, by what is drawn anew in each process.</typeparam>
internal sealed class MailTable<TKey>(int capacity)
    where TKey : struct, IEquatable<TKey>
{
    private const int FirstLength = 16;

    private Place[] _places = [];

    /// <summary>How many there are.</summary>
    public int Count { get; private set; }

    /// <summary>The mail of one; null: it has none.</summary>
    public AcceptedMessages? Find(TKey key) => PlaceOf(key) is >= 0 and var place ? _places[place].Mail : null;

    /// <summary>Sets the mail of one.</summary>
    public void Set(TKey key, AcceptedMessages mail)
    {
        if (PlaceOf(key) is >= 0 and var place)
        {
            _places[place].Mail = mail;
            return;
        }

        if (Count >= _places.Length / 5 * 4)
            Grow();
        Add(new() { Key = key, Mail = mail });
        Count++;
    }

    /// <summary>Takes one out.</summary>
    /// <returns>Its mail; null: it had none.</returns>
    public AcceptedMessages? Take(TKey key)
    {
        if (PlaceOf(key) is not (>= 0 and var place))
            return null;

        var mail = _places[place].Mail;
        Remove(place);
        Count--;
        return mail;
    }

    /// <summary>How many had mail accepted since a second.</summary>
    public int CountSince(uint second)
    {
        var count = 0;
        foreach (ref var place in _places.AsSpan())
            count += place.IsTaken && place.Mail.LastAt >= second ? 1 : 0;
        return count;
    }

    /// <summary>A copy.</summary>
    public MailTable<TKey> Copy() => new(capacity) { _places = [.. _places], Count = Count };

    /// <summary>All of them.</summary>
    public IEnumerable<(TKey Key, AcceptedMessages Mail)> All() => _places.Where(static place => place.IsTaken).Select(static place => (place.Key, place.Mail));

    /// <summary>Forgets all, and gives the memory back.</summary>
    public void Clear() => (_places, Count) = ([], 0);

    // Behind the last one comes the first.
    private int NextOf(int place) => place + 1 == _places.Length ? 0 : place + 1;

    private int FirstOf(TKey key) => (int)((ulong)(uint)HashCode.Combine(key) * (uint)_places.Length >> 32);

    // -1: it has none.
    private int PlaceOf(TKey key)
    {
        if (Count == 0)
            return -1;

        var place = FirstOf(key);
        while (_places[place].IsTaken)
        {
            if (_places[place].Key.Equals(key))
                return place;
            place = NextOf(place);
        }

        return -1;
    }

    private void Add(in Place added)
    {
        var place = FirstOf(added.Key);
        while (_places[place].IsTaken)
            place = NextOf(place);
        _places[place] = added;
    }

    // Those behind it that had to pass it move up, so that nobody finds a gap on the way.
    private void Remove(int place)
    {
        for (var next = NextOf(place); _places[next].IsTaken; next = NextOf(next))
        {
            var first = FirstOf(_places[next].Key);
            if (place <= next ? first > place && first <= next : first > place || first <= next)
                continue;
            _places[place] = _places[next];
            place = next;
        }

        _places[place] = default;
    }

    private void Grow()
    {
        var before = _places;
        _places = new Place[before.Length == 0 ? FirstLength : Math.Min(2 * before.Length, (capacity / 4 * 5) + 5)];
        foreach (ref var place in before.AsSpan())
        {
            if (place.IsTaken)
                Add(place);
        }
    }

    private struct Place
    {
        public TKey Key;
        public AcceptedMessages Mail;

        public readonly bool IsTaken => Mail.Count > 0;
    }
}
