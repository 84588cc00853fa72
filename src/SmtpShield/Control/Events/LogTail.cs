using Microsoft.Extensions.Logging;
using SmtpShield.Observe;

namespace SmtpShield.Control.Events;

/// <summary>
/// The log as the stream has it, beside the mail log: at most <see cref="MostLines"/> lines a second, the rest as one count. While nobody watches it is not
/// enabled, and no text is made.
/// </summary>
internal sealed class LogTail(EventStream stream, TimeProvider time) : ILoggerProvider
{
    /// <summary>Lines a second.</summary>
    public const int MostLines = 50;

    private readonly EventBudget _lines = new(MostLines);

    /// <inheritdoc />
    public ILogger CreateLogger(string categoryName) => new Logger(this, categoryName);

    /// <summary>Begins the next second, and says how many were left out in this one.</summary>
    public void Renew()
    {
        if (_lines.Renew() is > 0 and var more)
            stream.Publish(StreamTopic.Log, new MoreEvents(time.GetUtcNow(), more));
    }

    /// <inheritdoc />
    public void Dispose()
    {
        // It has nothing that ends.
    }

    private sealed class Logger(LogTail tail, string category) : ILogger
    {
        private readonly string? _service = LogCategory.ServiceOf(category);

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel is >= LogLevel.Information and not LogLevel.None && tail.IsWatched;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel) && tail._lines.TryTake())
                tail.Publish(new(tail.Now, eventId.Id, logLevel.Word(), ProcessName.Of(category, eventId), formatter(state, exception)) { Service = _service });
        }
    }

    private bool IsWatched => stream.IsWatched(StreamTopic.Log);

    private DateTimeOffset Now => time.GetUtcNow();

    private void Publish(LogEvent line) => stream.Publish(StreamTopic.Log, line);
}
