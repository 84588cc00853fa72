namespace SmtpShield.Limits.Shared;

/// <summary>What a shield says to the store.</summary>
internal sealed class ExchangeCall
{
    /// <summary>Who calls: 16 hexadecimal digits, at random for each process. Names are for people only.</summary>
    public required string Owner { get; init; }

    /// <summary>How often it has been asked for everything, as far as it knows.</summary>
    public required long Told { get; init; }

    /// <summary>The number of this call, above that of each earlier one.</summary>
    public required long Sequence { get; init; }

    /// <summary>The number of the last one that was answered; 0: none.</summary>
    public required long Acknowledged { get; init; }

    /// <summary>The epoch in which the store's clock was seen to step, which ends it; empty: none.</summary>
    public required string SteppedEpoch { get; init; }

    /// <summary>The epoch it knows; empty: none.</summary>
    public required string Epoch { get; init; }

    /// <summary>The name of an epoch to begin if one is needed: 16 hexadecimal digits at random.</summary>
    public required string NewEpoch { get; init; }

    /// <summary>The unit of rates.</summary>
    public required TimeSpan Unit { get; init; }

    /// <summary>For how long its connections count when it says nothing more.</summary>
    public required TimeSpan Lease { get; init; }

    /// <summary>For how long a record lives that is not written.</summary>
    public required TimeSpan Expiry { get; init; }

    /// <summary>What it has heard of the news; 0: nothing.</summary>
    public required long Cursor { get; init; }

    /// <summary>Whether it leaves: its lease is over at once.</summary>
    public bool Leaves { get; init; }

    /// <summary>Whether it wants to hear who the members are.</summary>
    public bool NamesMembers { get; init; }

    /// <summary>Its settings, for the others to compare; empty: the store has them.</summary>
    public string Settings { get; init; } = "";

    /// <summary>The services it shares, and their limits.</summary>
    public required IReadOnlyList<SharedService> Services { get; init; }

    /// <summary>What it counts.</summary>
    public required IReadOnlyList<ClientReport> Reports { get; init; }
}
