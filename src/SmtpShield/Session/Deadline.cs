using SmtpShield.Observe;
using SmtpShield.Protocol;

namespace SmtpShield.Session;

/// <summary>One thing a session waits for, and how long.</summary>
/// <param name="Name">What is waited for.</param>
/// <param name="Runs">Whether it is waited for now.</param>
/// <param name="Due">Until when; a timestamp. Asked only while it runs.</param>
/// <param name="Ends">How the session ends when it does not come; <see cref="SessionEndReason.None"/>: it doesn't, the loop only looks again.</param>
/// <param name="Reply">What the client is told then, of the shield's name; null: nothing.</param>
internal sealed record Deadline(
    string Name, Func<SmtpSession, bool> Runs, Func<SmtpSession, long> Due, SessionEndReason Ends, Func<string, Reply>? Reply = null)
{
    /// <summary>The parameter whose hit it is when it is late; null: none.</summary>
    public Func<SmtpSession, string?>? Rule { get; init; }
}
