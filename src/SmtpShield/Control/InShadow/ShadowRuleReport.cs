namespace SmtpShield.Control.InShadow;

/// <summary>What one limit would have done.</summary>
/// <param name="Rule">Its parameter.</param>
/// <param name="InForce">The value that has effect; <c>off</c>: none.</param>
/// <param name="Shadow">The value that is judged now; <c>off</c>: none any more.</param>
/// <param name="Clients">Different clients it would have hit.</param>
/// <param name="ClientsEstimated">Whether that is an estimate.</param>
/// <param name="Hits">How often: an upper bound, since a client that is not stopped goes on.</param>
/// <param name="FirstHits">Of these, the first ones in a window of their client, which are exact.</param>
/// <param name="DeliverMail">Clients it would have hit that deliver mail.</param>
/// <param name="MailAfterHit">Messages the MTA accepted that the limit would have kept from it for then.</param>
internal sealed record ShadowRuleReport(
    string Rule, string InForce, string Shadow, long Clients, bool ClientsEstimated, long Hits, long FirstHits, int DeliverMail, long MailAfterHit);
