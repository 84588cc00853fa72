namespace SmtpShield.Protocol;

/// <summary>Which words of a command are kept until its reply, for log lines and for what the reply confirms.</summary>
internal enum KeptWords : byte
{
    /// <summary>None.</summary>
    None,

    /// <summary>The argument.</summary>
    Argument,

    /// <summary>The address of MAIL or RCPT, without its angle brackets.</summary>
    Address,

    /// <summary>The argument without angle brackets around it.</summary>
    Mailbox,

    /// <summary>The SASL mechanism: never what stands behind it.</summary>
    Mechanism,
}
