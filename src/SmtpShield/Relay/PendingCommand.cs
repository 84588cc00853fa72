using SmtpShield.Protocol;

namespace SmtpShield.Relay;

/// <summary>A command that has not got its reply yet: with the MTA, or answered by the shield and waiting for its turn.</summary>
internal struct PendingCommand
{
    /// <summary>The command.</summary>
    public Verb Verb;

    /// <summary>Later input waits until this command's reply has been relayed (RFC 2920 section 3.1).</summary>
    public bool EndsGroup;

    /// <summary>The session is over behind the shield's own reply.</summary>
    public bool EndsSession;

    /// <summary>BDAT 0 without LAST: it moves nothing, so it is junk.</summary>
    public bool IsEmptyChunk;

    /// <summary>BDAT with LAST: its reply acknowledges the message.</summary>
    public bool IsLastChunk;

    /// <summary>A line without a word; Postfix's statistics don't count it.</summary>
    public bool IsBlank;

    /// <summary>MAIL or RCPT that was counted for the client before it was forwarded.</summary>
    public bool IsCounted;

    /// <summary>MAIL without <c>FROM:</c> or RCPT without <c>TO:</c>, which some MTAs take.</summary>
    public bool LacksLabel;

    /// <summary>AUTH, and something that may be credentials has been sent to the MTA with it or behind it.</summary>
    public bool HasCredentials;

    /// <summary>A line that is not UTF-8: Postfix refuses it with 500 before it looks for a verb in it, and its statistics don't count it.</summary>
    public bool IsNotUtf8;

    /// <summary>The MTA owes a reply.</summary>
    public bool IsForwarded;

    /// <summary>The shield's own reply; for a forwarded command it replaces the MTA's, which is read and dropped.</summary>
    public Reply? OwnReply;

    /// <summary>Where the command's argument starts in <see cref="EnvelopeText"/>, for log lines.</summary>
    public int ArgumentStart;

    /// <summary>Its length; 0 when it was not kept.</summary>
    public int ArgumentLength;
}
