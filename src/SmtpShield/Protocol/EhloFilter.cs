namespace SmtpShield.Protocol;

/// <summary>What clients get to see of an MTA's EHLO reply, apart from what the shield follows anyway.</summary>
/// <param name="AlsoPass">Keywords passed although the shield does not know them (<c>shield_pass_ehlo_keywords</c>).</param>
/// <param name="Discard">Keywords that are not passed (<c>smtpd_discard_ehlo_keywords</c>); VERP stands for XVERP, as in Postfix.</param>
/// <param name="PassesChunking">Whether CHUNKING and BINARYMIME are passed (<c>shield_chunking</c>).</param>
/// <param name="RecipientLimit">What RCPTMAX is lowered to (RFC 9422): <c>smtpd_recipient_limit</c>.</param>
internal sealed record EhloFilter(IReadOnlyList<string> AlsoPass, IReadOnlyList<string> Discard, bool PassesChunking, int RecipientLimit)
{
    /// <summary>Whether the MTA's STARTTLS is passed on; it is not where TLS is the shield's, or nobody's.</summary>
    public bool PassesStartTls { get; init; } = true;

    /// <summary>Whether the shield offers STARTTLS itself.</summary>
    public bool OffersStartTls { get; init; }

    /// <summary>Whether AUTH is passed on (<c>smtpd_tls_auth_only</c>).</summary>
    public bool PassesAuth { get; init; } = true;

    /// <summary>Which of the MTA's SASL mechanisms are passed on.</summary>
    public PassedMechanisms Mechanisms { get; init; }
}
