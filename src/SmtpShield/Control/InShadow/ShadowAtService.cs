namespace SmtpShield.Control.InShadow;

/// <summary>What limits in shadow would have done at one service.</summary>
/// <param name="Service">Its name.</param>
/// <param name="Since">Since when it is counted.</param>
/// <param name="DurationS">For how long that is, in seconds.</param>
/// <param name="Clients">Different clients that were judged.</param>
/// <param name="ClientsEstimated">Whether that is an estimate.</param>
/// <param name="DeliverMail">Of these, those of whom the MTA has accepted mail meanwhile.</param>
/// <param name="DeliverMailEstimated">Whether that is an estimate.</param>
/// <param name="Rules">The limits that are in shadow now, and those that have been and were hit.</param>
/// <param name="Candidates">Clients that deliver mail and would have been hit, at most their part of <see cref="MostCandidates"/>.</param>
/// <param name="CandidatesTotal">How many of these there are in all.</param>
/// <param name="Truncated">Whether there are more than are told.</param>
/// <param name="WouldDelayS">How long replies would have been delayed, all together, in seconds.</param>
/// <param name="After">Hits in sessions that would have been over by then; they count under no rule.</param>
/// <param name="InBans">Connections that would have been refused or ended, because their client would have been banned.</param>
/// <param name="ClientsDropped">Clients that are in the counts, but not remembered by themselves.</param>
/// <param name="Notes">What else is to be known, a sentence each.</param>
internal sealed record ShadowAtService(
    string Service,
    DateTimeOffset Since,
    long DurationS,
    long Clients,
    bool ClientsEstimated,
    long DeliverMail,
    bool DeliverMailEstimated,
    IReadOnlyList<ShadowRuleReport> Rules,
    IReadOnlyList<ShadowCandidateReport> Candidates,
    int CandidatesTotal,
    bool Truncated,
    double WouldDelayS,
    long After,
    long InBans,
    long ClientsDropped,
    IReadOnlyList<string> Notes)
{
    /// <summary>Candidates that are told of in one answer, of all its services.</summary>
    public const int MostCandidates = 1000;

    /// <summary>Whether the shield sees who delivers mail: not behind STARTTLS that is passed on, where only clients without TLS are seen to.</summary>
    public required bool DeliverMailKnown { get; init; }
}
