namespace SmtpShield.Testing.Hunter;

/// <summary>What a client does: writes, and waits between them; then how it leaves.</summary>
/// <param name="TalksFirst">It does not wait for the greeting.</param>
/// <param name="Steps">Its writes, each one segment as far as the kernel allows.</param>
/// <param name="Leaving">How it leaves once all is written.</param>
/// <param name="LeavesAtOnce">It does not wait for the replies before it closes or resets.</param>
internal sealed record SessionPlan(bool TalksFirst, IReadOnlyList<ClientStep> Steps, Leaving Leaving, bool LeavesAtOnce)
{
    /// <summary>It takes nothing of what it is sent. Not over sockets, whose room nobody knows.</summary>
    public bool IsDeaf { get; init; }
}

/// <summary>One write.</summary>
/// <param name="Octets">What is written, one character each; may be empty.</param>
/// <param name="RepliesAwaited">Replies, the greeting included, the client waits for before; it gives up soon, for replies may never come.</param>
internal sealed record ClientStep(string Octets, int RepliesAwaited);

/// <summary>How a client leaves.</summary>
internal enum Leaving
{
    /// <summary>It ends its side and reads on: every command it sent is owed its reply.</summary>
    HalfClose,

    /// <summary>It closes, replies unread.</summary>
    Close,

    /// <summary>It resets the connection.</summary>
    Reset,

    /// <summary>It waits for the other side to close. Not over sockets, where that takes minutes.</summary>
    Stays,
}
