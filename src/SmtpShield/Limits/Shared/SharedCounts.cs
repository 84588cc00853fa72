namespace SmtpShield.Limits.Shared;

/// <summary>What others count of a client, as the store says it.</summary>
/// <param name="Age">How long ago the window began, in milliseconds; below 0: there is none.</param>
/// <param name="Open">Connections open.</param>
/// <param name="Rates">What was counted in that window.</param>
internal readonly record struct SharedCounts(int Age, int Open, AnvilEventCounts Rates)
{
    /// <summary>The age of no window.</summary>
    public const int NoWindow = -1;

    /// <summary>Whether nothing is counted.</summary>
    public bool AreNone
    {
        get
        {
            var any = Open;
            for (var i = 0; i < AnvilEventCounts.Length; i++)
                any |= Rates[i];
            return any == 0;
        }
    }
}
