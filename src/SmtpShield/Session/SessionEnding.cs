using SmtpShield.Observe;
using SmtpShield.Protocol;

namespace SmtpShield.Session;

/// <summary>The end of a session, or of its part before STARTTLS, set once: the first reason counts. The last reply waits here until it can be sent.</summary>
internal sealed class SessionEnding
{
    /// <summary>Why; <see cref="SessionEndReason.None"/> while the session runs.</summary>
    public SessionEndReason Reason { get; private set; }

    /// <summary>What the client is still to be told; null: nothing, or it was told.</summary>
    public Reply? Reply { get; private set; }

    /// <summary>The session is over; at most the last reply is still to be sent.</summary>
    public bool IsSet => Reason != SessionEndReason.None;

    /// <summary>Ends the session; does nothing if it has ended.</summary>
    /// <param name="reason">Why.</param>
    /// <param name="reply">What the client is told, if anything.</param>
    public void Set(SessionEndReason reason, Reply? reply)
    {
        if (IsSet)
            return;

        (Reason, Reply) = (reason, reply);
    }

    /// <summary>The last reply was written.</summary>
    public void NoteTold() => Reply = null;
}
