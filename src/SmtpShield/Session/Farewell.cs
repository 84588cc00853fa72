using SmtpShield.Observe;

namespace SmtpShield.Session;

/// <summary>The last part of a session that has ended: its last reply leaves at its time, unless the client does not take what is before it.</summary>
internal sealed class Farewell(SmtpSession session, ReplyRelay replies)
{
    private string? _after;

    /// <summary>The last reply has been taken by the kernel, or is not waited for any more.</summary>
    public bool IsOver { get; private set; }

    /// <summary>How the session has ended.</summary>
    public SessionEnd End => new(session.Ending.Reason, _after ?? Dialogue.AfterConnect, session.Mta.Destination);

    /// <summary>Goes on if it can.</summary>
    public void Pump()
    {
        if (_after is null)
            Begin();
        if (session.Client.IsFlushing && session.Clock.Now < Deadlines.WriteDue(session))
            return;

        // Between the lines of another reply it would be none.
        if (replies.IsWithinReply)
            session.Ending.NoteTold();
        if (session.Ending.Reply is { } reply && !session.Client.IsFlushing)
        {
            if (session.Ending.Reason != SessionEndReason.Shed && !session.Client.Pace.MayReply())
                return;
            session.Client.Write(reply.Octets.Span);
            session.Ending.NoteTold();
        }

        session.Client.FlushNow();
        IsOver = !session.Client.IsFlushing || session.Clock.Now >= Deadlines.WriteDue(session);
    }

    // The command in progress belongs to the statistics, as one that did not succeed; behind the hard error limit none is in progress.
    private void Begin()
    {
        _after = session.DescribeAfter();
        if (session.Dialogue.Owed > 0 && session.Ending.Reason != SessionEndReason.TooManyErrors && !session.Dialogue.Oldest.IsBlank)
            session.Context.Statistics.Count(session.Dialogue.Oldest.Verb, succeeded: false);

        // It ends for the sake of what it holds; the last reply can take its time.
        if (session.Ending.Reason == SessionEndReason.Shed)
            session.Client.DropInput();
    }
}
