namespace SmtpShield.Shadow;

/// <summary>What limits in shadow would have done at a service.</summary>
/// <param name="Since">Since when it is counted.</param>
/// <param name="Clients">Different clients that were judged.</param>
/// <param name="AreClientsEstimated">Whether that is an estimate.</param>
/// <param name="Delivering">Of these, those of whom the MTA has accepted mail.</param>
/// <param name="AreDeliveringEstimated">Whether that is an estimate.</param>
/// <param name="Rules">All rules, in their order.</param>
/// <param name="Candidates">Clients that deliver mail and would have been hit: those with most messages behind a hit first.</param>
internal sealed record ShadowSummary(
    DateTimeOffset Since, long Clients, bool AreClientsEstimated, long Delivering, bool AreDeliveringEstimated, IReadOnlyList<ShadowRuleSummary> Rules,
    IReadOnlyList<ShadowCandidate> Candidates)
{
    /// <summary>How many of <see cref="Candidates"/> there are in all.</summary>
    public int CandidateCount { get; init; }

    /// <summary>How long replies would have been delayed, all together.</summary>
    public TimeSpan Delay { get; init; }

    /// <summary>Would-be hits in sessions that would have been over.</summary>
    public long After { get; init; }

    /// <summary>Connections that would have been refused, or ended, because their client would have been banned.</summary>
    public long InBans { get; init; }

    /// <summary>Clients that are not remembered by themselves any more.</summary>
    public long Dropped { get; init; }
}
