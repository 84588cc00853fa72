using SmtpShield.PostfixConf.Values;

namespace SmtpShield.PostfixConf.Patterns;

/// <summary>A <c>cidr:</c> table: clients whose address is found in it.</summary>
internal sealed class CidrTablePattern(CidrRule[] rules) : AddressPattern
{
    /// <inheritdoc/>
    public override string Text => "cidr:";

    /// <inheritdoc/>
    public override bool Covers(AddressBits address, string hostname)
    {
        for (var i = 0; i < rules.Length; i++)
        {
            ref readonly var rule = ref rules[i];
            if (rule.Kind == CidrRuleKind.Match && rule.Covers(address))
                return true;
            // An IF that does not hold jumps to its ENDIF; one without ENDIF to the end of the table.
            if (rule.Kind == CidrRuleKind.If && !rule.Covers(address))
                i = rule.BlockEnd;
        }
        return false;
    }
}
