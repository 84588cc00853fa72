using Microsoft.Extensions.Logging;

namespace SmtpShield.Observe;

/// <summary>The mail log as one category sees it. Scopes are not written: Postfix's lines have no place for them.</summary>
internal sealed class MaillogLogger(MaillogWriter writer, TimeProvider time, string category) : ILogger
{
    private readonly string? _service = LogCategory.ServiceOf(category);

    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

    /// <inheritdoc/>
    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        var now = time.GetUtcNow();
        var process = ProcessName.Of(category, eventId);
        writer.Post(new MaillogLine(now, logLevel, process, formatter(state, exception), exception, _service));

        // A stack says nothing to an administrator; those who debug get it, a line for each frame.
        if (logLevel > LogLevel.Debug || exception?.StackTrace is not { } stack)
            return;
        foreach (var frame in stack.AsSpan().EnumerateLines())
            writer.Post(new MaillogLine(now, logLevel, process, frame.ToString(), null, _service));
    }
}
