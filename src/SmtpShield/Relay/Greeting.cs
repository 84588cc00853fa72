using SmtpShield.Listening;
using SmtpShield.Protocol;
using SmtpShield.Upstream;

namespace SmtpShield.Relay;

/// <summary>
/// The session's first part: until the dial is over and the client is greeted, or told why not. The client is watched meanwhile: one that goes gives its place back, and one that talks
/// before it was greeted is refused (Postfix <c>smtpd_forbid_unauth_pipelining</c>, smtpd.c).
/// </summary>
internal sealed class Greeting(SmtpSession session, ReplyRelay replies, ConnectionDrain drain)
{
    private const int LongestInputLogged = 100;

    private SessionEndReason _givenUp;

    /// <summary>The client has been greeted, or the session has ended.</summary>
    public bool IsOver { get; private set; }

    /// <summary>Goes on if it can.</summary>
    public void Pump()
    {
        if (session.Mta.State is MtaLegState.Dialing)
        {
            LookForEnd();
            if (!session.Mta.TryFinishDial(out var dial))
                return;

            if (dial is not { } result)
                GiveUp();
            else
                NoteDial(result);
        }

        if (!session.HasEnded && !TryGreet())
            return;
        IsOver = true;
    }

    private void LookForEnd()
    {
        if (_givenUp != SessionEndReason.None)
            return;

        if (session.Client.IsBroken)
            _givenUp = SessionEndReason.ClientLost;
        else if (drain.Deadline.IsCancellationRequested)
            _givenUp = SessionEndReason.Shutdown;
        if (_givenUp != SessionEndReason.None)
            session.Mta.GiveUpDial();
    }

    private void GiveUp() => session.End(_givenUp, _givenUp == SessionEndReason.Shutdown ? Replies.ServiceNotAvailable(session.Options.MyHostname) : null);

    private void NoteDial(in UpstreamDialResult dial)
    {
        if (dial.Failures.Count > 0)
            RelayLog.DialFailed(session.Log, string.Join("; ", dial.Failures), session.Identity.NameAddress);
        if (dial.Connection is null)
            session.End(SessionEndReason.NoUpstream, dial.GreetingTimedOut ? Replies.UpstreamBusy(session.Options.MyHostname) : Replies.UpstreamUnavailable(session.Options.MyHostname));
    }

    // False: something has come and can't be read yet.
    private bool TryGreet()
    {
        if (session.Context.GreetedAt is not null)
        {
            replies.GoOn();
            return true;
        }

        var client = session.Client;
        if (session.Context.Tls != TlsMode.Active)
        {
            if (!client.Received.IsEmpty)
                NoteEarlyTalk();
            else if (client.HasTalked && !client.IsReceiveEnded)
                return false;
        }

        if (!session.HasEnded)
            replies.Greet();
        return true;
    }

    private void NoteEarlyTalk()
    {
        if (session.Context.NoteImproperPipelining())
            RelayLog.ImproperPipelining(session.Log, Dialogue.AfterConnect, session.Identity.NameAddress, Telemetry.ClientInput.Quote(session.Client.Received, LongestInputLogged));
        if (session.Options.ForbidUnauthPipelining)
            session.End(SessionEndReason.TalkedFirst, Replies.SynchronizationError);
    }
}
