using SmtpShield.Clients;

namespace SmtpShield.Control.Clients;

/// <summary>Which clients are asked for.</summary>
/// <param name="Sort">What comes first.</param>
/// <param name="Service">Of which service; null: of all.</param>
/// <param name="State">In which state; null: in any.</param>
/// <param name="Prefix">Whose ranges are in this one; null: all.</param>
/// <param name="Limit">How many, 1 to <see cref="Most"/>.</param>
internal sealed record ClientQuery(
    ClientSort Sort = ClientSort.Nearness, string? Service = null, ClientState? State = null, ClientRange? Prefix = null, int Limit = ClientQuery.Usual)
{
    /// <summary>How many, unless it is said.</summary>
    public const int Usual = 100;

    /// <summary>With 600 octets each below a megabyte.</summary>
    public const int Most = 1000;
}
