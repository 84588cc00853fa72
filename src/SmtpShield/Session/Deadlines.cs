using SmtpShield.Metrics;
using SmtpShield.Observe;
using SmtpShield.Protocol;

namespace SmtpShield.Session;

/// <summary>
/// All that a session waits for, in rows: what ends it when it is late, and when the loop has to look again, come from the same ones. Of several
/// that are late the first counts.
/// </summary>
internal static class Deadlines
{
    private static readonly TimeSpan LongestWrite = TimeSpan.FromSeconds(60);

    // How long the MTA's replies to a client that is gone are waited for: longer than MTAs delay the reply to a wrong password or recipient
    // (Exchange 5 s, Dovecot 2 s and more).
    private static readonly TimeSpan LongestSettlement = TimeSpan.FromSeconds(30);

    // What arrived at the MTA's socket may have been nothing to read, as a TLS session ticket; then no signal comes.
    private static readonly TimeSpan SecondLook = TimeSpan.FromMilliseconds(10);

    /// <summary>The rows.</summary>
    public static IReadOnlyList<Deadline> Rows => All;

    // A message that is with the MTA has the MTA's time. A read that gets something is followed by another wait of the same length, unless the
    // whole command has one (Postfix smtpd_per_request_deadline). Content on its way, and a message without its reply, are never cut off by the session's age.
    private static readonly Deadline[] All =
    [
        new("the MTA's replies to a client that is gone",
            static session => !session.HasEnded && session.Client.IsBroken && !session.Dialogue.AwaitsMessageReply,
            static session =>
                session.Clock.Later(session.Client.GoneSince ?? session.Clock.Now, Least(session.Context.Options.Upstream.ReplyTimeout, LongestSettlement)),
            SessionEndReason.ClientLost),
        new("the client to take a reply",
            static session => session.Client.IsFlushing,
            WriteDue,
            SessionEndReason.ClientStalled),
        new("the delay of a reply",
            static session => session.Client is { IsFlushing: false, Pace.DelayedUntil: not 0 },
            static session => session.Client.Pace.DelayedUntil,
            SessionEndReason.None),
        new("the client's content, at smtpd_min_data_rate",
            static session => IsContentAwaited(session),
            static session => session.Client.ContentDue,
            SessionEndReason.ClientTimeout,
            Replies.TimeoutExceeded)
        {
            Rule = static _ => LimitRules.DataRate,
        },
        new("the client's content, at all",
            static session => IsContentAwaited(session) && !session.Options.PerRequestDeadline,
            static session => session.Clock.Later(session.Client.ActiveSince, session.Options.Timeout),
            SessionEndReason.ClientTimeout,
            Replies.TimeoutExceeded)
        {
            Rule = static _ => LimitRules.Timeout,
        },
        new("the client's command or response",
            static session => IsCommandAwaited(session),
            static session =>
                session.Clock.Later(session.Options.PerRequestDeadline ? session.Client.RequestSince : session.Client.ActiveSince, session.Options.Timeout),
            SessionEndReason.ClientTimeout,
            Replies.TimeoutExceeded)
        {
            Rule = static session => session.Options.PerRequestDeadline ? LimitRules.RequestDeadline : LimitRules.Timeout,
        },
        new("the rest of the client's line",
            static session => IsCommandAwaited(session) && session.Client.LineSince is not null,
            static session => session.Clock.Later(session.Client.LineSince ?? 0, session.Options.RequestDeadline),
            SessionEndReason.ClientTimeout,
            Replies.TimeoutExceeded)
        {
            Rule = static _ => LimitRules.LineDeadline,
        },
        new("the client to begin a handshake with the MTA",
            static session => IsIn(session, DialoguePhase.Tunnel) && session.Dialogue.Owed == 0 && session.Client.Tunnelled == 0,
            static session => session.Clock.Later(session.Client.RequestSince, session.Context.Options.Tls.HandshakeTimeout),
            SessionEndReason.ClientTimeout,
            Replies.TimeoutExceeded)
        {
            Rule = static _ => LimitRules.HandshakeTimeout,
        },
        new("either side of a tunnel",
            static session => IsIn(session, DialoguePhase.Tunnel) && session.Dialogue.Owed == 0,
            static session => session.Clock.Later(Math.Max(session.Client.ActiveSince, session.Mta.OwesSince), session.Options.Timeout),
            SessionEndReason.ClientTimeout,
            Replies.TimeoutExceeded)
        {
            Rule = static _ => LimitRules.Timeout,
        },
        new("the session to end",
            static session => !session.HasEnded && session.Options.SessionTimeLimit > TimeSpan.Zero && !session.Dialogue.AwaitsMessageReply
                && session.Dialogue.Phase is DialoguePhase.Commands or DialoguePhase.SaslResponse or DialoguePhase.Tunnel,
            static session => session.Clock.Later(session.Context.GreetedAt ?? session.Clock.Now, session.Options.SessionTimeLimit),
            SessionEndReason.ClientTimeout,
            Replies.TimeoutExceeded)
        {
            Rule = static _ => LimitRules.SessionTime,
        },
        new("the MTA to answer",
            static session => IsMtaAwaited(session) && !session.Dialogue.AwaitsMessageReply,
            static session => session.Clock.Later(session.Mta.OwesSince, session.Context.Options.Upstream.ReplyTimeout),
            SessionEndReason.UpstreamTimeout,
            Replies.UpstreamUnavailable),
        new("the MTA to answer what it is told again",
            static session => !session.HasEnded && session.Mta.ReplayingSince is not null,
            static session => session.Clock.Later(session.Mta.ReplayingSince ?? 0, session.Context.Options.Upstream.GreetingTimeout),
            SessionEndReason.UpstreamTimeout,
            Replies.UpstreamUnavailable),
        new("the MTA to answer the end of mail data",
            static session => IsMtaAwaited(session) && session.Dialogue.AwaitsMessageReply,
            static session => session.Clock.Later(session.Mta.OwesSince, session.Context.Options.Upstream.DataDoneTimeout),
            SessionEndReason.UpstreamTimeout,
            Replies.UpstreamUnavailable),
        new("the real end of a message that is refused",
            static session => IsIn(session, DialoguePhase.RefusedContent),
            static session => session.Client.RefusalDue,
            SessionEndReason.None),
        new("another look at whether the MTA is needed",
            static session => !session.HasEnded && session.IdleLook.Due != long.MaxValue,
            static session => session.IdleLook.Due,
            SessionEndReason.None),
        new("another look at a client that waits for the MTA",
            static session => !session.HasEnded && session.Mta.HoldsCommand,
            static session => session.Clock.Later(session.Clock.Now, Greeting.BetweenLooks),
            SessionEndReason.None),
        new("a second look at the MTA's socket",
            static session => !session.HasEnded && session.Mta.HoldsMessageEnd && !(session.Client.IsFlushing && session.Mta.Buffered > 0),
            static session => session.Clock.Later(session.Clock.Now, SecondLook),
            SessionEndReason.None),
    ];

    /// <summary>When the next one is due; a timestamp, <see cref="long.MaxValue"/>: none runs.</summary>
    public static long Next(SmtpSession session)
    {
        var due = long.MaxValue;
        foreach (var deadline in All)
        {
            if (deadline.Runs(session))
                due = Math.Min(due, deadline.Due(session));
        }

        return due;
    }

    /// <summary>The first one that is late and ends the session, or null.</summary>
    public static Deadline? Expired(SmtpSession session)
    {
        foreach (var deadline in All)
        {
            if (deadline.Ends != SessionEndReason.None && deadline.Runs(session) && session.Clock.Now >= deadline.Due(session))
                return deadline;
        }

        return null;
    }

    /// <summary>When the client must have taken what is being written; a timestamp.</summary>
    public static long WriteDue(SmtpSession session) => session.Clock.Later(session.Client.FlushSince, Least(session.Options.Timeout, LongestWrite));

    /// <summary>Whether it is the client's turn: the shield and the MTA owe it nothing, or have asked for more.</summary>
    public static bool IsClientsTurn(SmtpSession session) =>
        session.Dialogue.Phase is DialoguePhase.Content or DialoguePhase.Chunk or DialoguePhase.SaslResponse
        ? !session.Mta.IsFlushing
        : session.Dialogue.Owed == 0;

    private static bool IsContentAwaited(SmtpSession session) =>
        !session.HasEnded && session.Dialogue.Phase is DialoguePhase.Content or DialoguePhase.Chunk && !session.Mta.IsFlushing;

    private static bool IsCommandAwaited(SmtpSession session) =>
        !session.HasEnded && session.Dialogue.Phase is DialoguePhase.Commands or DialoguePhase.SaslResponse && IsClientsTurn(session);

    // While the client takes a reply the next one may have come long ago: the MTA is not waited for.
    private static bool IsMtaAwaited(SmtpSession session) => !session.HasEnded && (session.Mta.IsFlushing
        || (session.Dialogue is { Phase: DialoguePhase.Commands, Owed: > 0 } dialogue && dialogue.Oldest.IsForwarded
            && (!session.Mta.HoldsCommand || session.Mta.TriesHeld)
            && session.Client is { IsFlushing: false, Pace.DelayedUntil: 0 }));

    private static bool IsIn(SmtpSession session, DialoguePhase phase) => !session.HasEnded && session.Dialogue.Phase == phase;

    private static TimeSpan Least(TimeSpan one, TimeSpan other) => one < other ? one : other;
}
