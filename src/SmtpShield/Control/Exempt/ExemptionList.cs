namespace SmtpShield.Control.Exempt;

/// <summary>The answer of <c>/v1/exemptions</c>.</summary>
/// <param name="Exemptions">Those that were asked for or changed, by prefix.</param>
/// <param name="Total">How many there are in all.</param>
/// <param name="Notes">What else is to be known, a sentence each.</param>
internal sealed record ExemptionList(IReadOnlyList<ExemptionReport> Exemptions, int Total, IReadOnlyList<string> Notes);
