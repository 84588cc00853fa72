using SmtpShield.Limits;

namespace SmtpShield.Testing.Sharing;

/// <summary>What one shield has of a client.</summary>
/// <param name="window">The number of the window its rates are of.</param>
/// <param name="open">Connections.</param>
internal sealed class StoredField(long window, long open)
{
    /// <summary>The number of the window its rates are of.</summary>
    public long Window => window;

    /// <summary>Connections.</summary>
    public long Open { get; set; } = open;

    /// <summary>What was counted in that window.</summary>
    public long[] Rates { get; } = new long[AnvilEventCounts.Length];

    /// <summary>Whether it says nothing.</summary>
    public bool IsZero => Open == 0 && Rates.All(static count => count == 0);
}
