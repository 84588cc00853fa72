using System.Buffers;
using SmtpShield.Metrics;
using SmtpShield.Mta.Slots;
using SmtpShield.Protocol;

namespace SmtpShield.Session;

/// <summary>
/// Tells the MTA's destination what this session sees of it: how long MAIL and RCPT take, each from when it is the oldest command without a reply, how
/// long DATA and messages, and which
/// replies speak of the MTA itself.
/// </summary>
/// <param name="session">The session.</param>
internal sealed class MtaAnswers(SmtpSession session)
{
    private ReplyPhase? _phase;
    private long _phaseSince;
    private long _since;
    private MtaWork _work;
    private bool _isAwaited;
    private bool _isNoted;

    /// <summary>Looks whether the MTA is waited for. At each step, when all has moved that can.</summary>
    public void Look()
    {
        if (session.Mta.Slot is not { } slot)
        {
            (_isAwaited, _isNoted, _phase) = (false, false, null);
            return;
        }

        if (!_isNoted && Phase is var phase && phase != _phase)
            (_phase, _phaseSince) = (phase, session.Clock.Now);

        if (_isAwaited || _isNoted || Awaited is not { } work)
            return;

        (_since, _work, _isAwaited) = (session.Clock.Now, work, true);
        slot.NoteAwaited(_since);
    }

    /// <summary>The reply to the oldest command is there, whether or not it may be relayed already.</summary>
    public void Note(Verb verb, int code, in ReadOnlySequence<byte> reply)
    {
        if (_isNoted)
            return;

        _isNoted = true;
        if (_isAwaited)
            session.Mta.NoteAnswered(_work, session.Clock.Since(_since));
        _isAwaited = false;
        if (_phase is { } phase)
            session.Mta.NoteAnswered(phase, session.Clock.Since(_phaseSince));
        _phase = null;
        session.Mta.Career?.NoteReply(verb, code, session.Dialogue.IsMessageReplyNext);
        if (verb is Verb.Mail or Verb.Rcpt or Verb.Data or Verb.Bdat)
            session.Mta.NoteOfSystem(IsOfSystem(code, reply));
    }

    /// <summary>That reply has been taken.</summary>
    public void NoteTaken() => _isNoted = false;

    private MtaWork? Awaited => session.Dialogue.Owed == 0 || session.Mta.HoldsCommand || session.Dialogue.Oldest is not { IsForwarded: true } oldest ? null
        : oldest.Verb switch
        {
            Verb.Mail => MtaWork.Sender,
            Verb.Rcpt => MtaWork.Recipient,
            _ => null,
        };

    // The time the client takes for its content is not the MTA's.
    private ReplyPhase? Phase => session.Dialogue.Owed == 0 || session.Mta.HoldsCommand || session.Dialogue.Oldest is not { IsForwarded: true } oldest ? null
        : session.Dialogue.IsMessageReplyNext ? ReplyPhase.EndOfData
        : oldest.Verb == Verb.Data && session.Dialogue.Phase is DialoguePhase.Commands && !session.Dialogue.AwaitsMessageReply ? ReplyPhase.Data
        : null;

    // RFC 3463 section 3.4. A 421 with another code is about this client: too many errors, most of all.
    private static bool IsOfSystem(int code, in ReadOnlySequence<byte> reply)
    {
        Span<byte> start = stackalloc byte[7];
        if (reply.Length < start.Length)
            return code == 421;

        reply.Slice(0, start.Length).CopyTo(start);
        var isEnhanced = start[4] == (byte)'4' && start[5] == (byte)'.';
        return code is >= 400 and < 500 && (isEnhanced ? start[6] == (byte)'3' : code == 421);
    }
}
