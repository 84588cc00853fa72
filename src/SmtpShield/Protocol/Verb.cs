namespace SmtpShield.Protocol;

/// <summary>The commands the shield tells apart, in the order Postfix lists them in its disconnect statistics (smtpd.c, <c>smtpd_cmd_table</c>).</summary>
internal enum Verb : byte
{
    /// <summary>RFC 5321 section 4.1.1.1.</summary>
    Helo,

    /// <summary>RFC 5321 section 4.1.1.1.</summary>
    Ehlo,

    /// <summary>Postfix XCLIENT_README; never forwarded for a client.</summary>
    Xclient,

    /// <summary>Postfix XFORWARD_README; never forwarded for a client.</summary>
    Xforward,

    /// <summary>RFC 3207.</summary>
    StartTls,

    /// <summary>RFC 4954.</summary>
    Auth,

    /// <summary>RFC 5321 section 4.1.1.2.</summary>
    Mail,

    /// <summary>RFC 5321 section 4.1.1.3.</summary>
    Rcpt,

    /// <summary>RFC 5321 section 4.1.1.4.</summary>
    Data,

    /// <summary>RFC 3030.</summary>
    Bdat,

    /// <summary>RFC 5321 section 4.1.1.5.</summary>
    Rset,

    /// <summary>RFC 5321 section 4.1.1.9.</summary>
    Noop,

    /// <summary>RFC 5321 section 4.1.1.6.</summary>
    Vrfy,

    /// <summary>RFC 1985.</summary>
    Etrn,

    /// <summary>RFC 5321 section 4.1.1.10.</summary>
    Quit,

    /// <summary>RFC 5321 section 4.1.1.8.</summary>
    Help,

    /// <summary>Every other word, and a line without one.</summary>
    Unknown,
}
