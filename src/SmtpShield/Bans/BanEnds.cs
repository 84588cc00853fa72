namespace SmtpShield.Bans;

/// <summary>Bans by when they end, the next one first: a binary heap of 8 to 16 octets for each. Not thread-safe.</summary>
internal sealed class BanEnds
{
    private readonly List<Ban> _heap = [];

    /// <summary>Bans there are.</summary>
    public int Count => _heap.Count;

    /// <summary>The one that ends next; null: none.</summary>
    public Ban? Next => _heap.Count > 0 ? _heap[0] : null;

    /// <summary>Adds one.</summary>
    public void Add(Ban ban)
    {
        var place = _heap.Count;
        _heap.Add(ban);
        while (place > 0 && (place - 1) / 2 is var above && ban.Until < _heap[above].Until)
        {
            _heap[place] = _heap[above];
            place = above;
        }

        _heap[place] = ban;
    }

    /// <summary>Takes out <see cref="Next"/>.</summary>
    public void RemoveNext()
    {
        var last = _heap[^1];
        _heap.RemoveAt(_heap.Count - 1);
        if (_heap.Count == 0)
            return;
        var place = 0;
        while (Below(place) is var below && below < _heap.Count && _heap[below].Until < last.Until)
        {
            _heap[place] = _heap[below];
            place = below;
        }

        _heap[place] = last;
    }

    /// <summary>Leaves these only.</summary>
    public void Reset(IEnumerable<Ban> bans)
    {
        // In order they are a heap.
        _heap.Clear();
        _heap.AddRange(bans.OrderBy(static ban => ban.Until));
    }

    // Of the two below a place the one that ends first.
    private int Below(int place)
    {
        var left = 2 * place + 1;
        return left + 1 < _heap.Count && _heap[left + 1].Until < _heap[left].Until ? left + 1 : left;
    }
}
