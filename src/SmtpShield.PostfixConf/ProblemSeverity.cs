namespace SmtpShield.PostfixConf;

/// <summary>What a problem means for the configuration it was found in.</summary>
public enum ProblemSeverity
{
    /// <summary>For the reader only: a Postfix parameter the shield has no use for.</summary>
    Note,

    /// <summary>The configuration is used, but probably does not say what was meant.</summary>
    Warning,

    /// <summary>The configuration is refused whole.</summary>
    Error,
}
