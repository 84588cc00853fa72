using SmtpShield.Limits;

namespace SmtpShield.Testing.Sharing;

/// <summary>What all shields have of a client.</summary>
/// <param name="epoch">In which epoch.</param>
/// <param name="deaths">Deaths when it was made.</param>
internal sealed class StoredRecord(string epoch, long deaths)
{
    private const long Closed = -1;

    /// <summary>In which epoch it counts.</summary>
    public string Epoch => epoch;

    /// <summary>Deaths that are counted.</summary>
    public long Deaths { get; private set; } = deaths;

    /// <summary>When its window began; below 0: there is none.</summary>
    public long Start { get; set; } = Closed;

    /// <summary>The number of the window.</summary>
    public long Window { get; private set; } = 1;

    /// <summary>Connections.</summary>
    public long Open { get; private set; }

    /// <summary>What was counted in the window.</summary>
    public long[] Rates { get; private set; } = new long[AnvilEventCounts.Length];

    /// <summary>What each shield has, by its number.</summary>
    public SortedDictionary<long, StoredField> Fields { get; } = [];

    /// <summary>What of a field counts in the window.</summary>
    public long RateOf(StoredField field, int index) => field.Window == Window ? field.Rates[index] : 0;

    /// <summary>The next window.</summary>
    public void BeginWindow(long start)
    {
        (Start, Window) = (start, Window + 1);
        Rates = new long[AnvilEventCounts.Length];
    }

    /// <summary>A shield says something else than before.</summary>
    public void Replace(StoredField? before, StoredField after)
    {
        Open += after.Open - (before?.Open ?? 0);
        for (var i = 0; i < AnvilEventCounts.Length; i++)
            Rates[i] += after.Rates[i] - (before is null ? 0 : RateOf(before, i));
    }

    /// <summary>Adds its fields up again.</summary>
    public void Recount(long deaths)
    {
        Deaths = deaths;
        Open = Fields.Values.Sum(static field => field.Open);
        for (var i = 0; i < AnvilEventCounts.Length; i++)
            Rates[i] = Fields.Values.Sum(field => RateOf(field, i));
    }
}
