using Microsoft.Extensions.Logging;

namespace SmtpShield.Throttling;

/// <summary>A logger as one connection uses it: lines go through its <see cref="ClientLines"/>.</summary>
internal sealed class ThrottledLogger(ClientLines lines, ILogger log) : ILogger
{
    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => log.BeginScope(state);

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel) => log.IsEnabled(logLevel);

    /// <inheritdoc/>
    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (log.IsEnabled(logLevel) && lines.Take(log, logLevel, eventId, state, exception, formatter))
            log.Log(logLevel, eventId, state, exception, formatter);
    }
}
