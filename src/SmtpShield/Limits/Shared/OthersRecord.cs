namespace SmtpShield.Limits.Shared;

/// <summary>What others count of a client, in this shield's seconds.</summary>
internal struct OthersRecord
{
    private int _start;
    private AnvilEventCounts _current;

    /// <summary>The free one behind it; in a free one.</summary>
    public int NextFree;

    /// <summary>Connections open.</summary>
    public int Open;

    /// <summary>The second it was heard in.</summary>
    public int HeardAt;

    /// <summary>What the store has said.</summary>
    /// <param name="counts">What it has said.</param>
    /// <param name="start">The second the window began in; <see cref="int.MinValue"/>: there is none.</param>
    /// <param name="now">The second.</param>
    public OthersRecord(in SharedCounts counts, int start, int now)
    {
        (_start, Open, HeardAt) = (start, counts.Open, now);
        if (start != int.MinValue)
            _current = counts.Rates;
    }

    /// <summary>The second the window began in; <see cref="int.MinValue"/>: there is none.</summary>
    public readonly int Start => _start;

    /// <summary>Whether there is nothing in it that counts.</summary>
    public readonly bool IsEmpty
    {
        get
        {
            var any = Open;
            for (var i = 0; i < AnvilEventCounts.Length; i++)
                any |= _current[i];
            return any == 0;
        }
    }

    /// <summary>Whether its window is not over yet: an event belongs to it.</summary>
    public readonly bool IsLive(int now, AnvilWindow window) => _start != int.MinValue && (long)now - _start <= window.Unit;

    /// <summary>Forgets a window that is over: there is none until the store says so.</summary>
    public void Roll(int now, AnvilWindow window)
    {
        if (!IsLive(now, window))
            (_start, _current) = (int.MinValue, default);
    }

    /// <summary>The sum of counts with these. Roll first.</summary>
    public readonly AnvilCounts AddedTo(in AnvilCounts own)
    {
        var rates = own.Rates;
        for (var i = 0; i < AnvilEventCounts.Length; i++)
            rates[i] += _current[i];
        return new(own.ConnectionCount + Open, rates);
    }

    /// <summary>Events of a kind in the window. Roll first.</summary>
    public readonly int Current(int index) => _current[index];
}
