using SmtpShield.Protocol;

namespace SmtpShield.Session;

/// <summary>
/// Where a session stands: the commands without a reply, and what the client's next bytes are. Each change is a method here; which phase follows which is in
/// <see cref="DialogueTable"/>.
/// </summary>
internal sealed class Dialogue
{
    /// <summary>Behind which command log lines say the session ended, before any command.</summary>
    public const string AfterConnect = Observe.SessionEnd.AfterConnect;

    /// <summary>The same, behind a message.</summary>
    public const string AfterMessage = "END-OF-MESSAGE";

    /// <summary>The same, behind the handshake.</summary>
    public const string AfterStartTls = "STARTTLS";

    private readonly PendingCommands _pending = new();

    /// <summary>What the client's next bytes are.</summary>
    public DialoguePhase Phase { get; private set; }

    /// <summary>Commands without a reply.</summary>
    public int Owed => _pending.Count;

    /// <summary>Whether the MTA owes the reply to any of them.</summary>
    public bool IsMtaOwing => _pending.HasForwarded;

    /// <summary>The oldest command without a reply. Only while any is <see cref="Owed"/>.</summary>
    public ref PendingCommand Oldest => ref _pending.Head;

    /// <summary>The command that came last. Only while any is <see cref="Owed"/>.</summary>
    public ref readonly PendingCommand Newest => ref _pending.Last;

    /// <summary>Whether the last command holds later input back until it has its reply (RFC 2920 section 3.1).</summary>
    public bool IsGroupEnded => _pending.IsGroupEnded;

    /// <summary>Whether a reply is owed that opens or ends a mail transaction.</summary>
    public bool OwesTransactionChange => _pending.HasTransactionChange;

    /// <summary>Recipients that are with the MTA.</summary>
    public int OwedRecipients => _pending.Recipients;

    /// <summary>Whether a RCPT is with the MTA that counts only if it is accepted.</summary>
    public bool OwesUncountedRecipient => _pending.HasUncountedRecipient;

    /// <summary>Whether the reply to a chunk is owed.</summary>
    public bool OwesChunk => _pending.HasChunk;

    /// <summary>The last recognized command, in the words of Postfix's <c>lost connection after …</c>.</summary>
    public string After { get; private set; } = AfterConnect;

    /// <summary>The last command was a BDAT that the MTA has accepted: log lines say how much of the message has come.</summary>
    public bool IsAfterChunk { get; private set; }

    /// <summary>The end of mail data (or the last chunk) is with the MTA and not answered: only the MTA may say anything now (RFC 1047).</summary>
    public bool AwaitsMessageReply { get; private set; }

    /// <summary>
    /// The reply to the oldest command acknowledges or refuses a message: the end of mail data or the last chunk is the last command there can be.
    /// </summary>
    public bool IsMessageReplyNext => AwaitsMessageReply && Owed == 1;

    /// <summary>Something has happened that may change the phase.</summary>
    /// <exception cref="InvalidOperationException">It can't happen now.</exception>
    public void Note(DialogueEvent what) => Phase = DialogueTable.Follow(Phase, what);

    /// <summary>A command has come; a reply is owed.</summary>
    public void Owe(in PendingCommand command) => _pending.Add(command);

    /// <summary>What the MTA has said instead of an answer to the command that came last is the answer to it; it is not sent.</summary>
    public void AnswerNewest(Reply reply) => _pending.Last.AnswerForMta(reply);

    /// <summary>The command that came last could not be brought to the MTA in time.</summary>
    /// <param name="reply">That it is to be tried again later; no error of the client's.</param>
    public void PostponeNewest(Reply reply) => _pending.Last.Postpone(reply);

    /// <summary>The oldest command has its reply.</summary>
    public void Settle() => _pending.RemoveHead();

    /// <summary>Names the last command in log lines.</summary>
    public void GoBehind(string command) => (After, IsAfterChunk) = (command, false);

    /// <summary>The MTA has accepted a chunk that is not the last.</summary>
    public void GoBehindChunk() => IsAfterChunk = true;

    /// <summary>The last octet of a message has come.</summary>
    public void AwaitMessageReply()
    {
        GoBehind(AfterMessage);
        AwaitsMessageReply = true;
    }

    /// <summary>The MTA has answered the message.</summary>
    public void NoteMessageReply() => AwaitsMessageReply = false;

    /// <summary>The oldest command is a QUIT or another verb.</summary>
    public bool IsNext(Verb verb) => Owed > 0 && Oldest.Verb == verb;
}
