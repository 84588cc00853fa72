using SmtpShield.Protocol;

namespace SmtpShield.Session;

/// <summary>A command that has not got its reply yet: with the MTA, or answered by the shield and waiting for its turn.</summary>
internal struct PendingCommand
{
    /// <summary>The command.</summary>
    public Verb Verb { get; init; }

    /// <summary>Later input waits until this command's reply has been relayed (RFC 2920 section 3.1).</summary>
    public bool EndsGroup { get; init; }

    /// <summary>The session is over behind the shield's own reply.</summary>
    public bool EndsSession { get; init; }

    /// <summary>BDAT 0 without LAST: it moves nothing, so it is junk.</summary>
    public bool IsEmptyChunk { get; init; }

    /// <summary>BDAT with LAST: its reply acknowledges the message.</summary>
    public bool IsLastChunk { get; init; }

    /// <summary>A line without a word; Postfix's statistics don't count it.</summary>
    public bool IsBlank { get; init; }

    /// <summary>MAIL or RCPT that was counted for the client before it was forwarded.</summary>
    public bool IsCounted { get; init; }

    /// <summary>It was judged as what its verb says: not refused before, for want of TLS or access.</summary>
    public bool IsJudged { get; init; }

    /// <summary>A limit in shadow would have refused it.</summary>
    public bool IsRefusedInShadow { get; init; }

    /// <summary>MAIL without <c>FROM:</c> or RCPT without <c>TO:</c>, which some MTAs take.</summary>
    public bool LacksLabel { get; init; }

    /// <summary>A line that is not UTF-8: Postfix refuses it with 500 before it looks for a verb in it, and its statistics don't count it.</summary>
    public bool IsNotUtf8 { get; init; }

    /// <summary>What <see cref="Transaction"/> keeps of it.</summary>
    public KeptLine Kept { get; init; }

    /// <summary>AUTH, and something that may be credentials has been sent to the MTA with it or behind it.</summary>
    public bool HasCredentials { get; private set; }

    /// <summary>The MTA owes a reply.</summary>
    public bool IsForwarded { get; private set; }

    /// <summary>The MTA's reply, or one in its place: it counts as the MTA's.</summary>
    public bool IsMtas { get; private set; }

    /// <summary>There was no room at the MTA: its refusal is no error.</summary>
    public bool IsPostponed { get; private set; }

    /// <summary>The shield's own reply; for a forwarded command it replaces the MTA's, which is read and dropped.</summary>
    public Reply? OwnReply { get; private set; }

    /// <summary>Whether a reply with a code lets the client begin its handshake.</summary>
    public readonly bool BeginsHandshake(int code) => Verb == Verb.StartTls && code == 220;

    /// <summary>The command has gone to the MTA.</summary>
    /// <param name="hasCredentials">AUTH with an initial response.</param>
    public PendingCommand WithMta(bool hasCredentials = false) => this with { IsForwarded = true, IsMtas = true, HasCredentials = hasCredentials };

    /// <summary>The shield answers the command.</summary>
    public PendingCommand AnsweredWith(Reply reply) => this with { OwnReply = reply };

    /// <summary>The shield answers the command in the MTA's place.</summary>
    public PendingCommand AnsweredForMta(Reply reply) => this with { OwnReply = reply, IsMtas = true };

    /// <summary>Credentials have gone to the MTA behind the command.</summary>
    public void NoteCredentials() => HasCredentials = true;

    /// <summary>This reply will stand for the MTA's.</summary>
    public void Replace(Reply reply) => OwnReply = reply;

    /// <summary>The MTA owes no reply any more: it has come, and was dropped or taken over, or never will.</summary>
    /// <param name="reply">What the client gets; null: what was set before.</param>
    public void AnswerHere(Reply? reply = null) => (IsForwarded, IsMtas, OwnReply) = (false, false, reply ?? OwnReply);

    /// <summary>The command does not go to the MTA now, for a reason that is not the client's.</summary>
    public void Postpone(Reply reply) => (IsForwarded, IsMtas, IsPostponed, OwnReply) = (false, false, true, reply);

    /// <summary>The command does not go to the MTA: what the MTA has said before is its reply.</summary>
    public void AnswerForMta(Reply reply) => (IsForwarded, OwnReply) = (false, reply);
}
