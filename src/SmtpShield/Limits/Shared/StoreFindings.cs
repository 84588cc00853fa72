namespace SmtpShield.Limits.Shared;

/// <summary>What was found of a store by trying it.</summary>
/// <param name="Store">The store, as it is called in the log.</param>
/// <param name="HasTls">Whether TLS was asked for.</param>
internal sealed record StoreFindings(string Store, bool HasTls)
{
    /// <summary>Its partitions, each of which was tried.</summary>
    public int Partitions { get; init; } = 1;

    /// <summary>Why it can't be used; null: it can.</summary>
    public StoreFailure? Failure { get; init; }

    /// <summary>Its nodes that answered.</summary>
    public IReadOnlyList<StoreNode> Nodes { get; init; } = [];

    /// <summary>Its nodes that did not, and why.</summary>
    public IReadOnlyList<(string Node, StoreFailure Failure)> Away { get; init; } = [];

    /// <summary>How long calls took, the shortest first.</summary>
    public IReadOnlyList<TimeSpan> RoundTrips { get; init; } = [];

    /// <summary>What this shield would write there of itself.</summary>
    public string Settings { get; init; } = "";

    /// <summary>What the shields that share now have written.</summary>
    public IReadOnlyList<string> Members { get; init; } = [];
}
