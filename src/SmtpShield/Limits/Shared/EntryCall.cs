namespace SmtpShield.Limits.Shared;

/// <summary>Entries a shield tells, and what it has heard of.</summary>
internal sealed class EntryCall
{
    /// <summary>Who calls: 16 hexadecimal digits, at random for each process.</summary>
    public required string Owner { get; init; }

    /// <summary>The epoch it knows; empty: none.</summary>
    public required string Epoch { get; init; }

    /// <summary>The name of an epoch to begin if one is needed: 16 hexadecimal digits at random.</summary>
    public required string NewEpoch { get; init; }

    /// <summary>What it has heard of; 0: nothing.</summary>
    public required long Cursor { get; init; }

    /// <summary>What it tells.</summary>
    public required IReadOnlyList<SharedEntry> Entries { get; init; }
}
