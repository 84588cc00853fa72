using SmtpShield.Clients;

namespace SmtpShield.Control.Exempt;

/// <summary>Clients an operator has exempted.</summary>
/// <param name="Prefix">An address or a network.</param>
/// <param name="Since">Since when.</param>
/// <param name="Until">When it ends.</param>
/// <param name="By">Who said so.</param>
/// <param name="Why">Why; null: he did not say.</param>
internal sealed record ExemptionReport(string Prefix, DateTimeOffset Since, DateTimeOffset Until, string By, string? Why = null)
{
    /// <summary>As they are kept.</summary>
    public static ExemptionReport Of(Exemption exemption) => new($"{exemption.Prefix}", exemption.Since, exemption.Until, exemption.By, exemption.Why);
}
