using SmtpShield.PostfixConf.Values;

namespace SmtpShield.PostfixConf.Patterns;

/// <summary><c>static:all</c>: every client.</summary>
internal sealed class EveryonePattern : AddressPattern
{
    /// <inheritdoc/>
    public override string Text => "static:all";

    /// <inheritdoc/>
    public override bool Covers(AddressBits address, string hostname) => true;
}
