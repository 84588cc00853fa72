using SmtpShield.Clients;

namespace SmtpShield.Limits;

/// <summary>A client's record as it was in one second, for those who look at it: what is counted now, and what will be when nothing more comes.</summary>
internal readonly struct AnvilRecord
{
    private readonly AnvilEntry _entry;
    private readonly int _now;
    private readonly AnvilWindow _window;

    /// <summary>Takes a copy.</summary>
    /// <param name="service">The name of its service.</param>
    /// <param name="entry">The record.</param>
    /// <param name="now">The second.</param>
    /// <param name="window">Over which rates are counted.</param>
    public AnvilRecord(string service, in AnvilEntry entry, int now, AnvilWindow window)
    {
        (Service, _entry, _now, _window) = (service, entry, now, window);
        _entry.Roll(now, window);
        Counts = _entry.Counts(now, window);
    }

    /// <summary>The service.</summary>
    public string Service { get; }

    /// <summary>Whose it is.</summary>
    public ClientRange Client => _entry.Client;

    /// <summary>What is counted now.</summary>
    public AnvilCounts Counts { get; }

    /// <summary>The second its window began in.</summary>
    public int WindowStart => _entry.WindowStart;

    /// <summary>
    /// The first second, from now on, in which a limit lets the next of what it counts through, if nothing comes before. Found by counting as the table will,
    /// for counts never grow by themselves; so it is right for each kind of window, and for a record that is forgotten earlier.
    /// </summary>
    /// <param name="limit">The limit, one on a rate.</param>
    /// <param name="value">What it is set to.</param>
    public int FirstSecondWithin(ClientLimit limit, int value)
    {
        var (refused, within) = ((long)_now - 1, Math.Min(int.MaxValue, _now + 2L * _window.Unit + 1));
        while (within - refused > 1)
        {
            var second = (refused + within) / 2;
            if (second >= _now && limit.RefusesNext(CountAt(limit, (int)second), value))
                refused = second;
            else
                within = second;
        }

        return (int)within;
    }

    private int CountAt(ClientLimit limit, int second)
    {
        if (_entry.IsExpired(second, _window.Unit))
            return 0;

        var copy = _entry;
        copy.Roll(second, _window);
        return limit.CountIn(copy, second, _window);
    }
}
