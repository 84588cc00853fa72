using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace SmtpShield.Testing;

/// <summary>Keeps log lines instead of writing them.</summary>
public sealed class RecordingLogger : ILoggerProvider, ILogger
{
    private readonly ConcurrentQueue<(LogLevel Level, string Text)> _lines = new();

    /// <summary>The lines so far.</summary>
    public IReadOnlyList<string> Lines => [.. _lines.Select(static line => line.Text)];

    /// <summary>The lines so far that say something failed that must not.</summary>
    public IReadOnlyList<string> Errors => [.. _lines.Where(static line => line.Level >= LogLevel.Error).Select(static line => line.Text)];

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => this;

    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel) => true;

    /// <inheritdoc/>
    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        ArgumentNullException.ThrowIfNull(formatter);
        _lines.Enqueue((logLevel, exception is null ? formatter(state, null) : $"{formatter(state, exception)}: {exception}"));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // Nothing is held.
    }
}
