using SmtpShield.Control.Banning;
using SmtpShield.Control.Exempt;

namespace SmtpShield.Control.Clients;

/// <summary>The answer of a release.</summary>
/// <param name="Address">The address.</param>
/// <param name="Services">What was done at each service.</param>
/// <param name="Notes">What else is to be known, a sentence each.</param>
internal sealed record ReleaseReport(string Address, IReadOnlyList<ReleasedAtService> Services, IReadOnlyList<string> Notes)
{
    /// <summary>The bans that were lifted; null: there were none.</summary>
    public IReadOnlyList<BanReport>? Lifted { get; init; }

    /// <summary>A wider ban that still covers it; null: none, or it is exempt.</summary>
    public BanReport? Ban { get; init; }

    /// <summary>The exemption that was made.</summary>
    public ExemptionReport? Exemption { get; init; }
}
