using SmtpShield.Configuration;
using SmtpShield.Protocol;

namespace SmtpShield.Limits;

/// <summary>A limit on what a client does per <c>anvil_rate_time_unit</c>, judged when it does it.</summary>
/// <param name="Event">What is counted.</param>
/// <param name="Subject">What the limit is on, in the words of Postfix's log line: <c>Recipient address rate</c> in <c>Recipient address rate limit exceeded: 6 from …</c>.</param>
/// <param name="Refusal">The reply to who is over it, for the client's address.</param>
internal sealed record EventRateLimit(AnvilEvent Event, string Subject, Func<string, Reply> Refusal)
{
    /// <summary>Postfix <c>smtpd_client_message_rate_limit</c>.</summary>
    public static EventRateLimit Message { get; } =
        new(AnvilEvent.Message, "Message delivery request rate", Replies.TooMuchMail);

    /// <summary>Postfix <c>smtpd_client_recipient_rate_limit</c>.</summary>
    public static EventRateLimit Recipient { get; } =
        new(AnvilEvent.Recipient, "Recipient address rate", Replies.TooManyRecipientsFrom);

    /// <summary>Postfix <c>smtpd_client_auth_rate_limit</c>.</summary>
    public static EventRateLimit Auth { get; } =
        new(AnvilEvent.Auth, "AUTH command rate", Replies.TooManyAuthCommands);

    /// <summary>Whether the limit is on for a client: nothing is counted where it is not (smtpd.c).</summary>
    public bool IsOn(ClientCounter? client, SmtpdLimitOptions limits) => client is not null && ClientLimits.LimitOf(Event, limits) > 0;

    /// <summary>Counts an event and compares: the limit-th event is still accepted, and refused ones count too (smtpd.c).</summary>
    /// <returns>The number to report when the limit is exceeded, else null.</returns>
    public int? CountAndJudge(ClientCounter client, SmtpdLimitOptions limits) => client.Count(Event) is var count && count > ClientLimits.LimitOf(Event, limits) ? count : null;
}
