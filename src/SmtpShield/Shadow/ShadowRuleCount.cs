namespace SmtpShield.Shadow;

/// <summary>What a rule would have done to all clients of a service. Not thread-safe: <see cref="ShadowBook"/> locks.</summary>
/// <param name="clients">Different clients it would have hit.</param>
internal sealed class ShadowRuleCount(DistinctClients clients)
{
    /// <summary>Different clients it would have hit.</summary>
    public DistinctClients Clients => clients;

    /// <summary>How often.</summary>
    public long Hits { get; set; }

    /// <summary>Of these, the first ones of a client's window.</summary>
    public long FirstHits { get; set; }

    /// <summary>Messages that were accepted behind a hit.</summary>
    public long MessagesAfter { get; set; }
}
