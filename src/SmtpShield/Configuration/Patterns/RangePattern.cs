namespace SmtpShield.Configuration.Patterns;

/// <summary>An address or a CIDR range.</summary>
internal sealed class RangePattern(AddressRange range) : AddressPattern
{
    /// <inheritdoc/>
    public override bool Covers(AddressBits address, string hostname) => range.Contains(address);
}
