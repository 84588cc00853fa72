using Microsoft.Extensions.Logging;
using SmtpShield.Hosting;

namespace SmtpShield.Observe;

/// <summary>The logger of a type: in the scope of a service one whose lines are that service's.</summary>
/// <typeparam name="T">The type that logs.</typeparam>
internal sealed class ServiceLogger<T>(ILoggerFactory factory, ServiceScopes.Holder scope) : ILogger<T>
{
    private readonly ILogger _logger = factory.CreateLogger(LogCategory.Of(typeof(T), scope.Service?.Name));

    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => _logger.BeginScope(state);

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel) => _logger.IsEnabled(logLevel);

    /// <inheritdoc/>
    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _logger.Log(logLevel, eventId, state, exception, formatter);
}
