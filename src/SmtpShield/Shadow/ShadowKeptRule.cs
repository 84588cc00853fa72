namespace SmtpShield.Shadow;

/// <summary>What a rule would have done to all clients, to be kept.</summary>
/// <param name="Rule">Its place in <see cref="Options.ShadowRules.All"/>.</param>
/// <param name="Hits">How often.</param>
/// <param name="FirstHits">Of these, the first ones of a client's window.</param>
/// <param name="MessagesAfter">Messages that were accepted behind a hit.</param>
/// <param name="Clients">Different clients it would have hit.</param>
internal sealed record ShadowKeptRule(int Rule, long Hits, long FirstHits, long MessagesAfter, DistinctSet Clients);
