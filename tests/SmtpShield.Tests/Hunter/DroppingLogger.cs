using Microsoft.Extensions.Logging;

namespace SmtpShield.Tests.Hunter;

/// <summary>Makes the text of every line, and drops it.</summary>
internal sealed class DroppingLogger : ILogger
{
    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel) => true;

    /// <inheritdoc/>
    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        formatter(state, exception);
}
