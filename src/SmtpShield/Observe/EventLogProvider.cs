using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;
using SmtpShield.Options;

namespace SmtpShield.Observe;

/// <summary>
/// The log as JSON in <c>shield_event_log_file</c>, beside the mail log, with a queue and a count of losses of its own: neither waits for the other. Read at
/// start and whenever the options are replaced. A file that can't be opened is a warning in the mail log, and the shield goes on without it, or with the one
/// it has.
/// </summary>
[ProviderAlias("EventLog")]
internal sealed partial class EventLogProvider : ILoggerProvider
{
    private readonly ShieldSnapshot _snapshot;
    private readonly TimeProvider _time;
    private readonly MaillogLoggerProvider _maillog;
    private readonly IDisposable _onChange;
    private readonly Lock _gate = new();
    private string _path = "";
    private volatile MaillogWriter? _writer;

    /// <summary>Opens the log, if there is to be one.</summary>
    public EventLogProvider(ShieldSnapshot snapshot, MaillogLoggerProvider maillog, TimeProvider time)
    {
        (_snapshot, _maillog, _time) = (snapshot, maillog, time);
        Reopen();
        _onChange = ChangeToken.OnChange(snapshot.GetChangeToken, Reopen);
    }

    /// <summary>Lines that were dropped, since the start or since it was switched on.</summary>
    public long Lost => _writer?.Lost ?? 0;

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => new Logger(this, categoryName);

    /// <summary>Opens the file anew, for one that has been rotated (SIGHUP), or another one. Without a name it is closed.</summary>
    public void Reopen()
    {
        lock (_gate)
        {
            var path = _snapshot.Current.Log.EventLogFile;
            if (path.Length == 0)
            {
                // What is queued is written; whoever logs meanwhile finds it closed, and drops.
                var closed = _writer;
                (_writer, _path) = (null, "");
                if (closed is not null)
                    _ = Task.Run(closed.Dispose);
                return;
            }

            try
            {
                var sink = FileSink.Open(path, EventLogLine.WriteLines, "shield_event_log_file");
                if (_writer is { } writer)
                    writer.Replace(sink);
                else
                    _writer = new MaillogWriter(sink, _time);
                _path = path;
            }
            catch (MaillogFileException e)
            {
                Log.NotOpened(_maillog.CreateLogger(typeof(EventLogProvider).FullName!), e.Message, _path.Length > 0 ? _path : "none");
            }
        }
    }

    /// <summary>Writes the queued lines, for a few seconds at most.</summary>
    public void Dispose()
    {
        _onChange.Dispose();
        _writer?.Dispose();
    }

    private sealed class Logger(EventLogProvider provider, string category) : ILogger
    {
        private readonly string? _service = LogCategory.ServiceOf(category);

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None && provider._writer is not null;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (provider._writer is { } writer)
            {
                writer.Post(new(provider._time.GetUtcNow(), logLevel, ProcessName.Of(category, eventId), formatter(state, exception), exception, _service)
                {
                    Id = eventId,
                    // Copied: what logs may use its state again.
                    Fields = state is IReadOnlyList<KeyValuePair<string, object?>> fields ? [.. fields] : null,
                });
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1801, LogLevel.Warning, "shield_event_log_file: {Reason}; the log as JSON goes on in: {File}", EventName = "EventLogNotOpened")]
        public static partial void NotOpened(ILogger logger, string reason, string file);
    }
}
