using SmtpShield.PostfixConf.Values;

namespace SmtpShield.PostfixConf.Patterns;

/// <summary>One line of a cidr table. The value is not kept: a match list asks only whether there is one.</summary>
/// <param name="Kind">What the line does.</param>
/// <param name="Range">Its pattern.</param>
/// <param name="IsNegated">Whether it holds for the addresses of the family that are not in the range (<c>!pattern</c>).</param>
/// <param name="BlockEnd">For <see cref="CidrRuleKind.If"/>, the index of its end.</param>
internal readonly record struct CidrRule(CidrRuleKind Kind, AddressRange Range, bool IsNegated, int BlockEnd)
{
    /// <summary>Whether the pattern holds; never for the other address family, even when negated.</summary>
    public bool Covers(AddressBits address) => Range.IsSameFamily(address) && Range.Contains(address) != IsNegated;
}
