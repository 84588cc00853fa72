using SmtpShield.PostfixConf.Values;

namespace SmtpShield.PostfixConf.Patterns;

/// <summary>One element of a match list.</summary>
internal abstract class AddressPattern
{
    /// <summary>Whether a client it covers is off the list (<c>!pattern</c>).</summary>
    public required bool IsNegated { get; init; }

    /// <summary>The element as one would write it, without <c>!</c>.</summary>
    public abstract string Text { get; }

    /// <summary>Whether the element speaks about this client.</summary>
    public abstract bool Covers(AddressBits address, string hostname);
}
