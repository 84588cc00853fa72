namespace SmtpShield.Shadow;

/// <summary>What a rule would have done to all clients of a service. Not thread-safe: <see cref="ShadowBook"/> locks.</summary>
internal sealed class ShadowRuleCount
{
    /// <summary>Different clients it would have hit.</summary>
    public DistinctClients Clients { get; } = new();

    /// <summary>How often.</summary>
    public long Hits { get; set; }

    /// <summary>Of these, the first ones of a client's window.</summary>
    public long FirstHits { get; set; }

    /// <summary>Messages that were accepted behind a hit.</summary>
    public long MessagesAfter { get; set; }
}
