using SmtpShield.Limits;

namespace SmtpShield.Control.Clients;

/// <summary>The first few of many clients, which come in any order: a heap of them, whose top is the last of them.</summary>
/// <param name="limit">How many.</param>
internal sealed class ClientSelection(int limit)
{
    private readonly PriorityQueue<ClientFound, ClientRank> _best = new();
    private ClientRank _last;
    private bool _isFull;

    /// <summary>Clients that came, those not among the first included.</summary>
    public long Total { get; private set; }

    /// <summary>A client comes.</summary>
    /// <param name="value">Its value.</param>
    /// <param name="entry">Its record.</param>
    /// <returns>False: it is not among the first. Most are not, of a million, so nothing is made to find that.</returns>
    public bool MayEnter(double value, in AnvilEntry entry)
    {
        Total++;
        return !_isFull || value > _last.Value || (value == _last.Value && !entry.IsBehind(_last.Client));
    }

    /// <summary>Adds one that may be among the first.</summary>
    public void Add(in ClientFound found, in ClientRank rank)
    {
        if (!_isFull)
            _best.Enqueue(found, rank);
        else
            _best.EnqueueDequeue(found, rank);
        _isFull = _best.Count == limit;
        if (_isFull)
            _best.TryPeek(out _, out _last);
    }

    /// <summary>Adds one whatever it is.</summary>
    public void AddAny(in ClientFound found, in ClientRank rank)
    {
        Total++;
        Add(found, rank);
    }

    /// <summary>Adds those of another part of the clients, which are taken out of it.</summary>
    public void AddAll(ClientSelection others)
    {
        Total += others.Total;
        while (others._best.TryDequeue(out var found, out var rank))
            Add(found, rank);
    }

    /// <summary>The first ones in their order, which are taken out.</summary>
    /// <param name="show">Makes a row of each.</param>
    public TRow[] Take<TRow>(Func<ClientFound, TRow> show)
    {
        var rows = new TRow[_best.Count];
        for (var i = rows.Length - 1; i >= 0; i--)
            rows[i] = show(_best.Dequeue());
        return rows;
    }
}
