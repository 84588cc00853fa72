namespace SmtpShield.PostfixConf.Patterns;

/// <summary>What a line of a cidr table does.</summary>
internal enum CidrRuleKind
{
    /// <summary><c>pattern value</c>.</summary>
    Match,

    /// <summary><c>if pattern</c>.</summary>
    If,

    /// <summary><c>endif</c>.</summary>
    EndIf,
}
