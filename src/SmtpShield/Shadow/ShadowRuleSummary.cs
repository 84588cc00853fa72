namespace SmtpShield.Shadow;

/// <summary>What one rule would have done.</summary>
/// <param name="Rule">Its place in <see cref="Options.ShadowRules.All"/>.</param>
/// <param name="Clients">Different clients it would have hit.</param>
/// <param name="AreClientsEstimated">Whether that is an estimate.</param>
/// <param name="Hits">How often.</param>
/// <param name="FirstHits">Of these, the first ones of a client's window.</param>
/// <param name="Delivering">Of the clients that are remembered, those that deliver mail.</param>
/// <param name="MessagesAfter">Messages that were accepted behind a hit.</param>
internal sealed record ShadowRuleSummary(
    int Rule, long Clients, bool AreClientsEstimated, long Hits, long FirstHits, int Delivering, long MessagesAfter);
