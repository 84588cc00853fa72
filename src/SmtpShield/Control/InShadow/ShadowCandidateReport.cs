namespace SmtpShield.Control.InShadow;

/// <summary>A client that delivers mail and that a limit would have hit.</summary>
/// <param name="Client">An address or a network.</param>
/// <param name="Rule">The limit's parameter.</param>
/// <param name="AtMost">The most that was counted.</param>
/// <param name="Hits">How often it would have been hit.</param>
/// <param name="Windows">In how many windows.</param>
/// <param name="MessagesAfter">Messages the MTA accepted that the limit would have kept from it for then.</param>
internal sealed record ShadowCandidateReport(string Client, string Rule, int AtMost, long Hits, long Windows, long MessagesAfter)
{
    /// <summary>Its name; null: it is not known.</summary>
    public string? Name { get; init; }
}
