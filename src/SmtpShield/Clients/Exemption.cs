namespace SmtpShield.Clients;

/// <summary>Clients that are neither counted nor limited for a while, because an operator said so.</summary>
/// <param name="Prefix">Who.</param>
/// <param name="Since">Since when.</param>
/// <param name="Until">When it ends, by itself.</param>
/// <param name="By">Who said so.</param>
/// <param name="Why">Why, escaped to printable ASCII; null: he did not say.</param>
internal sealed record Exemption(ClientRange Prefix, DateTimeOffset Since, DateTimeOffset Until, string By, string? Why)
{
    /// <summary>Whether it holds at a time.</summary>
    public bool IsInForce(DateTimeOffset now) => now < Until;
}
