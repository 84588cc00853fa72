using SmtpShield.Mta.Learned;
using SmtpShield.Observe;

namespace SmtpShield.Session;

/// <summary>The first reply of a session: the MTA's greeting, or one in its place.</summary>
internal static class GreetingRelay
{
    /// <summary>Relays the MTA's greeting.</summary>
    public static void Relay(SmtpSession session)
    {
        var code = Take(session, out var greeting);
        session.Context.NoteGreeted(session.Clock.Now);
        Relay(session, code, greeting);
    }

    /// <summary>Greets the client in the MTA's place.</summary>
    /// <param name="session">The session.</param>
    /// <param name="promise">What the MTA is known to say.</param>
    public static void Relay(SmtpSession session, MtaPromise promise)
    {
        session.Context.NoteGreeted(session.Clock.Now);
        session.Client.Write(promise.Greeting.Span);
    }

    /// <summary>The greeting of the MTA's session behind STARTTLS: the client was greeted before, and only hears of one that ends the session.</summary>
    public static void GoOn(SmtpSession session)
    {
        session.Dialogue.GoBehind(Dialogue.AfterStartTls);
        if (session.Mta.State is not MtaLegState.None && Take(session, out var greeting) is (421 or 521) and var code)
            Relay(session, code, greeting);
    }

    /// <summary>Takes the greeting of an MTA that was dialed, and learns it.</summary>
    /// <param name="session">The session.</param>
    /// <param name="greeting">All its lines.</param>
    /// <returns>Its code.</returns>
    public static int Take(SmtpSession session, out ReadOnlySpan<byte> greeting)
    {
        var code = session.Mta.Greeting(out greeting);
        if (code == 220)
            session.Memory.NoteGreeting(session.Mta.Destination, greeting);
        return code;
    }

    private static void Relay(SmtpSession session, int code, ReadOnlySpan<byte> greeting)
    {
        session.Client.Write(greeting);
        if (code >= 400)
            session.Errors.CountError();
        if (code is 421 or 521)
            session.End(SessionEndReason.UpstreamEnded);
    }
}
