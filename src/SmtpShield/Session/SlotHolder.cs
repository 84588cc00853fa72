using SmtpShield.Mta.Slots;
using SmtpShield.Observe;
using SmtpShield.Protocol;

namespace SmtpShield.Session;

/// <summary>
/// The session as one of those who share the MTA's sessions: says how it stands, for who waits for one, and does what it is asked for, unless its client or the
/// MTA was faster. Under pressure it gives its own back unasked, when its client has not needed it for <c>shield_upstream_idle_release</c>; one of an MTA that
/// is taken out, as soon as it can.
/// </summary>
/// <param name="session">The session.</param>
/// <param name="mtas">Whether they are under pressure.</param>
/// <param name="reputation">What the client is known for.</param>
internal sealed class SlotHolder(SmtpSession session, IMtaDialer mtas, Reputation reputation)
{
    // A client that sends content slower than this many times smtpd_min_data_rate is slow while others wait.
    private const int TimesLeastRate = 10;

    private long _content;
    private long? _contentSince;

    private TimeSpan IdleRelease => session.Context.Options.Upstream.IdleRelease;

    /// <summary>Says how the session stands, and does what it is asked for. At each step.</summary>
    public void Look()
    {
        session.IdleLook.Stop();
        if (session.HasEnded || session.Mta.Slot is not { } slot)
            return;

        if (session.IsMtaDispensable && session.Mta.IsDrained)
            LeaveDrained();
        else if (session.IsMtaDispensable && mtas.MayRelease)
            LookForPressure();
        if (session.HasEnded || session.Mta.Slot is null)
            return;

        Note(slot);
        if (slot.Demand is not SlotDemand.None)
            Obey(slot);
    }

    private void Note(Slot slot)
    {
        NoteContent(slot);
        var (use, since) = Standing;
        slot.Note(use, since);
    }

    // A message is one content, in however many chunks it comes: a new chunk is no new beginning.
    private void NoteContent(Slot slot)
    {
        if (!IsInMessage)
        {
            (_content, _contentSince) = (0, null);
            return;
        }

        _contentSince ??= session.Clock.Now;
        if (session.Transaction.ContentLength is var length && length > _content)
            slot.NoteContent(length - _content, session.Options.MinDataRate * TimesLeastRate, session.Clock.Now);
        _content = length;
    }

    private bool IsInMessage => session.Dialogue.Phase is DialoguePhase.Content or DialoguePhase.Chunk || session.Transaction.HasContent;

    private (SlotUse Use, long Since) Standing
    {
        get
        {
            // Nobody can tell where the messages in a tunnel end.
            var phase = session.Dialogue.Phase;
            if (phase is DialoguePhase.Tunnel or DialoguePhase.RefusedContent || session.Dialogue.AwaitsMessageReply || session.Mta.IsFlushing)
                return (SlotUse.Kept, 0);
            if (session.MayGiveBack)
                return (SlotUse.Releasable, session.Client.Pace.DelayedUntil != 0 ? session.Clock.Now : session.Clock.Later(session.Mta.NeededAt, IdleRelease));
            if (session.Client.IsFlushing)
                return (SlotUse.Client, session.Client.FlushSince);
            if (!Deadlines.IsClientsTurn(session))
                return (SlotUse.Kept, 0);
            return _contentSince is { } since ? (SlotUse.Content, since) : (SlotUse.Client, session.Client.RequestSince);
        }
    }

    private void Obey(Slot slot)
    {
        switch (slot.DemandAt(session.Clock.Now))
        {
            case SlotDemand.Release:
                session.Mta.Release();
                break;
            case SlotDemand.End:
                reputation.NoteBad();
                session.End(SessionEndReason.ClientTimeout, Replies.TimeoutExceeded(session.Options.MyHostname));
                break;
            default:
                slot.Decline();
                break;
        }
    }

    // Another MTA goes on with the client, whenever it needs one. If nobody knows what that one says, the client comes again.
    private void LeaveDrained()
    {
        RecallPromise();
        if (session.MayGiveBack)
            session.Mta.Release();
        else if (session.Mta.Profile.Offer is null && !session.IsBusy)
            session.End(SessionEndReason.Shutdown, Replies.ServiceNotAvailable(session.Options.MyHostname));
    }

    private void LookForPressure()
    {
        if (!session.IdleLook.IsTime(session.Clock, session.Mta.NeededAt, IdleRelease))
            return;

        RecallPromise();
        if (session.MayGiveBack && mtas.IsUnderPressure)
            session.Mta.Release();
    }

    private void RecallPromise()
    {
        if (session.Mta.Profile.Offer is null && session.Memory.Recall() is { } promise)
            session.Mta.Promise(promise.Offer);
    }
}
