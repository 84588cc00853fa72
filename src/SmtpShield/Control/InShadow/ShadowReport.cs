namespace SmtpShield.Control.InShadow;

/// <summary>The answer of <c>/v1/shadow</c>.</summary>
/// <param name="Services">What limits in shadow would have done at each service.</param>
internal sealed record ShadowReport(IReadOnlyList<ShadowAtService> Services);
