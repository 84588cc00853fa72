using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;
using SmtpShield.Options;

namespace SmtpShield.Observe;

/// <summary>
/// Turns log events into the lines Postfix would write: the text is the event's message, exactly; the level becomes the severity word, the id the process name.
/// Which events there are is not decided here but by the logging filters (Information and above unless somebody asks for more).
/// </summary>
/// <remarks>
/// Postfix <c>maillog_file</c>, <c>syslog_name</c>, <c>syslog_facility</c>; read at start and whenever the options are replaced. Where nothing is
/// set: syslog when <c>/dev/log</c> exists, else standard output.
/// </remarks>
[ProviderAlias("Maillog")]
internal sealed partial class MaillogLoggerProvider : ILoggerProvider
{
    private readonly ShieldSnapshot _snapshot;
    private readonly TimeProvider _time;
    private readonly string _syslogPath;
    private readonly MaillogWriter _writer;
    private readonly IDisposable _onChange;
    private readonly ConcurrentDictionary<string, MaillogLogger> _loggers = new(StringComparer.Ordinal);
    private readonly Lock _reopening = new();

    /// <summary>Opens the log.</summary>
    /// <exception cref="MaillogFileException">The <c>maillog_file</c> cannot be opened.</exception>
    public MaillogLoggerProvider(ShieldSnapshot snapshot, TimeProvider time)
        : this(snapshot, time, SyslogSink.DefaultPath)
    {
    }

    internal MaillogLoggerProvider(ShieldSnapshot snapshot, TimeProvider time, string syslogPath)
    {
        _snapshot = snapshot;
        _time = time;
        _syslogPath = syslogPath;
        _writer = new MaillogWriter(OpenSink(), time);
        _onChange = ChangeToken.OnChange(snapshot.GetChangeToken, Reopen);
    }

    /// <summary>Lines that were dropped, since the start.</summary>
    public long Lost => _writer.Lost;

    /// <summary>Lines of a level since the start, dropped ones included.</summary>
    public long Posted(LogLevel level) => _writer.Posted(level);

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) =>
        _loggers.GetOrAdd(categoryName, static (category, provider) => new MaillogLogger(provider._writer, provider._time, category), this);

    /// <summary>Opens the log anew, for a file that has been rotated (SIGHUP). When that fails the old one stays, and a warning in it says so.</summary>
    public void Reopen()
    {
        lock (_reopening)
        {
            try
            {
                _writer.Replace(OpenSink());
            }
            catch (MaillogFileException e)
            {
                Log.KeepingOldLogfile(CreateLogger(typeof(MaillogLoggerProvider).FullName!), e.Message);
            }
        }
    }

    /// <summary>Writes the queued lines, for a few seconds at most.</summary>
    public void Dispose()
    {
        _onChange.Dispose();
        _writer.Dispose();
    }

    private IMaillogSink OpenSink()
    {
        var options = _snapshot.Current;
        var zone = _time.LocalTimeZone;
        var path = options.Log.MaillogFile;
        if (path.Length == 0 && SyslogSink.IsThere(_syslogPath))
            return new SyslogSink(_syslogPath, MaillogFormatter.ForSyslog(options, zone, Environment.ProcessId));

        var formatter = MaillogFormatter.ForFile(options, zone, Environment.ProcessId);
        return path switch
        {
            // Not opened by these names: that fails when they are sockets, as under systemd.
            "" or "/dev/stdout" => new StreamSink(Console.OpenStandardOutput(), formatter),
            "/dev/stderr" => new StreamSink(Console.OpenStandardError(), formatter),
            _ => FileSink.Open(path, formatter),
        };
    }

    private static partial class Log
    {
        [LoggerMessage(1800, LogLevel.Warning, "{Reason}: keeping the old logfile")]
        public static partial void KeepingOldLogfile(ILogger logger, string reason);
    }
}
