using Microsoft.Extensions.Logging;

namespace SmtpShield.Observe;

/// <summary>One log event on its way to the mail log, not yet formatted: that is the writer's work, not that of the session that logs.</summary>
/// <param name="Time">When it happened, UTC.</param>
/// <param name="Level">Becomes the severity word and the syslog severity.</param>
/// <param name="Process">The Postfix process whose part the shield plays here: <c>smtpd</c>, <c>anvil</c> or <c>master</c>.</param>
/// <param name="Text">The message.</param>
/// <param name="Exception">A bug, or null.</param>
/// <param name="Service">The service it is about, for its <c>syslog_name</c>; null for none.</param>
internal readonly record struct MaillogLine(DateTimeOffset Time, LogLevel Level, string Process, string Text, Exception? Exception, string? Service = null)
{
    /// <summary>The event, for the log as JSON; the mail log has no place for it.</summary>
    public EventId Id { get; init; }

    /// <summary>What the event has, for the same; null: nothing but its text.</summary>
    public IReadOnlyList<KeyValuePair<string, object?>>? Fields { get; init; }
}
