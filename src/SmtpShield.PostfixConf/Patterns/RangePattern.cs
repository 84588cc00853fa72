using SmtpShield.PostfixConf.Values;

namespace SmtpShield.PostfixConf.Patterns;

/// <summary>An address or a CIDR range.</summary>
internal sealed class RangePattern(AddressRange range) : AddressPattern
{
    /// <summary>The range.</summary>
    public AddressRange Range => range;

    /// <inheritdoc/>
    public override string Text => $"{range}";

    /// <inheritdoc/>
    public override bool Covers(AddressBits address, string hostname) => range.Contains(address);
}
