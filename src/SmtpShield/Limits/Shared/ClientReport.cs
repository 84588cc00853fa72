namespace SmtpShield.Limits.Shared;

/// <summary>What this shield counts of a client, itself, at the moment of an exchange. Absolute: it may be lost, repeated or late without harm.</summary>
/// <param name="Key">The client.</param>
/// <param name="WindowStart">The second its window began in, as the table counts.</param>
/// <param name="Counts">Its counts; the age is that of its window at this moment.</param>
internal readonly record struct ClientReport(AnvilKey Key, int WindowStart, SharedCounts Counts)
{
    /// <summary>The last of those that wait for the answer; null: nobody.</summary>
    public SharedWait? Waits { get; init; }
}
