using SmtpShield.Hosting;
using SmtpShield.Metrics;
using SmtpShield.Mta.Learned;
using SmtpShield.Observe;
using SmtpShield.Protocol;
using SmtpShield.Transport;

namespace SmtpShield.Session;

/// <summary>
/// The session's first part: until the dial is over and the client is greeted, or told why not. The client is looked at meanwhile: for
/// one that goes the dial has only <see cref="MtaDial.LongestFarewell"/> left, and one that talks before it was greeted is refused (Postfix
/// <c>smtpd_forbid_unauth_pipelining</c>, smtpd.c).
/// </summary>
internal sealed class Greeting(SmtpSession session, MtaPromise? promise, ConnectionDrain drain)
{
    /// <summary>
    /// How often it is looked whether the client is still there. No read waits for it: what such a read is just taking would be missed
    /// at the moment of the greeting.
    /// </summary>
    public static readonly TimeSpan BetweenLooks = TimeSpan.FromSeconds(1);

    private const int LongestInputLogged = 100;

    private bool _isGivenUp;

    /// <summary>The client has been greeted, or the session has ended.</summary>
    public bool IsOver { get; private set; }

    /// <summary>Begins to dial, unless the client is greeted in the MTA's place.</summary>
    public void Begin()
    {
        if (promise is null)
            session.Mta.Dial();
        else
            session.Mta.Promise(promise.Offer);
    }

    /// <summary>Goes on if it can.</summary>
    public void Pump()
    {
        if (session.Mta.State is MtaLegState.Dialing)
        {
            if (session.Client.GoneSince is not null || drain.Draining.IsCancellationRequested)
                session.Mta.LeaveQueue();
            if (IsLate)
                GiveUp();
            if (!session.Mta.TryFinishDial(out var dial))
                return;

            if (dial is { } result)
                session.NoteDial(result);
            else
                NoteGivenUp();
        }

        if (!session.HasEnded && !TryGreet())
            return;
        IsOver = true;
    }

    /// <summary>Whether the client is read: something has come of it, and it is not known what. Not behind as much as is ever buffered.</summary>
    public bool WantsClient => session.Client.IsReadable && session.Client.Buffered < SocketPipeReader.MostBuffered;

    /// <summary>When the loop must look again; a timestamp.</summary>
    public long Due => Math.Min(GivesUpAt, session.Clock.Later(session.Clock.Now, BetweenLooks));

    private long GivesUpAt => session.Client.GoneSince is { } gone && !_isGivenUp ? session.Clock.Later(gone, MtaDial.LongestFarewell) : long.MaxValue;

    private bool IsLate => drain.Deadline.IsCancellationRequested || session.Clock.Now >= GivesUpAt;

    private void GiveUp()
    {
        _isGivenUp = true;
        session.Mta.GiveUpDial();
    }

    private void NoteGivenUp()
    {
        if (session.Client.IsBroken)
            session.End(session.Client.Departure);
        else
            session.End(SessionEndReason.Shutdown, Replies.ServiceNotAvailable(session.Options.MyHostname));
    }

    // False: something has come, and it is not known what.
    private bool TryGreet()
    {
        if (session.Context.GreetedAt is not null)
        {
            GreetingRelay.GoOn(session);
            return true;
        }

        var client = session.Client;
        if (session.Context.Tls != TlsMode.Active)
        {
            if (!client.Received.IsEmpty)
                NoteEarlyTalk();
            else if (client.IsReading || client.IsReadable)
                return false;
        }

        if (session.HasEnded)
            return true;
        if (promise is not null && session.Mta.State is MtaLegState.None)
            GreetingRelay.Relay(session, promise);
        else
            GreetingRelay.Relay(session);
        return true;
    }

    private void NoteEarlyTalk()
    {
        if (session.Context.NoteImproperPipelining())
            RelayLog.ImproperPipelining(session.Log, Dialogue.AfterConnect, session.Identity.NameAddress,
                Observe.ClientInput.Quote(session.Client.Received, LongestInputLogged));
        if (session.Context.Shadow is { Smtpd.ForbidUnauthPipelining: true } shadow)
            shadow.NoteEarlyTalk(Dialogue.AfterConnect);
        if (!session.Options.ForbidUnauthPipelining)
            return;

        session.Metrics.NoteLimitHit(LimitRules.Pipelining);
        session.Counter?.NotePipelining(Replies.SynchronizationError.Code);
        session.End(SessionEndReason.TalkedFirst, Replies.SynchronizationError);
    }
}
