namespace SmtpShield.Testing.Ledger;

/// <summary>How a client speaks, where the server offers it.</summary>
public enum MailManner
{
    /// <summary>One command after the other, and DATA.</summary>
    Plain,

    /// <summary>MAIL, RCPT and DATA in one write (RFC 2920).</summary>
    Pipelined,

    /// <summary>The content in two chunks (RFC 3030).</summary>
    Chunked,
}
