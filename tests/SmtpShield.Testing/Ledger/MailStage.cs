namespace SmtpShield.Testing.Ledger;

/// <summary>How far a client has come with a mail.</summary>
public enum MailStage
{
    /// <summary>It is connected, and has not read the greeting.</summary>
    Connected,

    /// <summary>Its EHLO is answered.</summary>
    Introduced,

    /// <summary>Its MAIL is answered, or a pipelined group is on its way.</summary>
    Sender,

    /// <summary>Its RCPT is answered.</summary>
    Recipient,

    /// <summary>It may send the content.</summary>
    Content,

    /// <summary>It has sent half of the content.</summary>
    InContent,

    /// <summary>It has sent the end, and not read its reply.</summary>
    End,
}
