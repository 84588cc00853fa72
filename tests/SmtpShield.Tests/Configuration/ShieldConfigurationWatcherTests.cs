using Microsoft.Extensions.Logging;
using SmtpShield.Configuration;

namespace SmtpShield.Tests.Configuration;

[TestFixture, CancelAfter(20000)]
public sealed class ShieldConfigurationWatcherTests
{
    private static readonly TimeSpan Promised = TimeSpan.FromSeconds(1);

    private string _directory = "";
    private string _path = "";
    private RecordingLogger _log = new();
    private ShieldSnapshot _snapshot = new(new ShieldOptions());
    private ShieldConfigurationWatcher? _watcher;

    [SetUp]
    public async Task Start()
    {
        _directory = Directory.CreateTempSubdirectory().FullName;
        _path = Path.Combine(_directory, "main.cf");
        await File.WriteAllTextAsync(_path, "smtpd_soft_error_limit = 2\nmynetworks = " + Path.Combine(_directory, "list") + "\n");
        await File.WriteAllTextAsync(Path.Combine(_directory, "list"), "10.0.0.1\n");
        _log = new RecordingLogger();
        var configuration = new ShieldConfiguration(_path, []);
        _snapshot = new ShieldSnapshot(configuration.Read().Options!);
        _watcher = new ShieldConfigurationWatcher(configuration, _snapshot, _log, TimeProvider.System);
        await _watcher.StartAsync(CancellationToken.None);
    }

    [TearDown]
    public async Task Stop()
    {
        await _watcher!.StopAsync(CancellationToken.None);
        _watcher.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private async Task<bool> IsReplacedAfter(Action change)
    {
        // The file's time must differ from the one it was read with.
        await Task.Delay(TimeSpan.FromMilliseconds(300));
        var replaced = new TaskCompletionSource();
        using var registration = _snapshot.GetChangeToken().RegisterChangeCallback(_ => replaced.TrySetResult(), null);
        change();
        return await Task.WhenAny(replaced.Task, Task.Delay(Promised)) == replaced.Task;
    }

    [Test]
    public async Task Watch_FileRewrittenInPlace_IsInForceWithinASecond()
    {
        Assert.That(await IsReplacedAfter(() => File.WriteAllText(_path, "smtpd_soft_error_limit = 3\n")), Is.True);
        Assert.That(_snapshot.Current.Limits.SoftErrorLimit, Is.EqualTo(3));
    }

    [Test]
    public async Task Watch_FileReplacedByRename_IsInForceWithinASecond()
    {
        await File.WriteAllTextAsync(_path + ".new", "smtpd_soft_error_limit = 4\n");
        Assert.That(await IsReplacedAfter(() => File.Move(_path + ".new", _path, overwrite: true)), Is.True);
        Assert.That(_snapshot.Current.Limits.SoftErrorLimit, Is.EqualTo(4));
    }

    [Test]
    public async Task Watch_ListNamedInTheFile_IsInForceWithinASecond()
    {
        Assert.That(await IsReplacedAfter(() => File.WriteAllText(Path.Combine(_directory, "list"), "10.0.0.2 10.0.0.3\n")), Is.True);
        Assert.That(_snapshot.Current.Limits.ClientEventLimitExceptions.Matches(System.Net.IPAddress.Parse("10.0.0.3"), ""), Is.True);
    }

    [Test]
    public async Task Watch_FileWithErrors_KeepsTheEarlierOptionsAndLogsEachError()
    {
        Assert.That(await IsReplacedAfter(() => File.WriteAllText(_path, "smtpd_soft_error_limit = x\nfoo\n")), Is.False);
        Assert.That(_snapshot.Current.Limits.SoftErrorLimit, Is.EqualTo(2));
        Assert.That(_log.Lines, Has.Some.Contains("line 1: bad numerical configuration").And.Some.Contains("line 2: missing '='").And.Some.EqualTo($"{_path}: not reloaded, errors above: 2; the earlier configuration stays in force"));
    }

    [Test]
    public void Reload_WhenTold_IsInForceAtOnce()
    {
        File.WriteAllText(_path, "smtpd_soft_error_limit = 5\nshield_listen = 127.0.0.1:2525\n");
        Assert.That(_watcher!.Reload().Errors, Is.Empty);
        Assert.That(_snapshot.Current.Limits.SoftErrorLimit, Is.EqualTo(5));
        Assert.That(_log.Lines, Has.Some.Contains("shield_listen or shield_services has changed").And.Some.StartsWith($"reload -- version {ShieldConfigurationWatcher.Version}, configuration "));
    }

    [Test]
    public void Reload_ValueOfAService_IsInForceAtOnceWithoutARestart()
    {
        File.WriteAllText(_path, "smtp/inet/smtpd_soft_error_limit = 6\n");
        Assert.That(_watcher!.Reload().Errors, Is.Empty);
        Assert.That(new ShieldService("smtp", _snapshot).Current.Limits.SoftErrorLimit, Is.EqualTo(6));
        Assert.That(_log.Lines, Has.None.Contains("must be restarted"));
    }

    [Test]
    public void Reload_OtherServices_NeedARestartAndItIsSaidUntilThen()
    {
        var smtp = new ShieldService("smtp", _snapshot);
        File.WriteAllText(_path, "shield_services = smtp submission\nsmtp/inet/smtpd_soft_error_limit = 6\n");
        _watcher!.Reload();
        File.WriteAllText(_path, "shield_services = submission\nsmtpd_soft_error_limit = 7\n");
        _watcher.Reload();
        Assert.That(_log.Lines.Count(line => line == $"{_path}: shield_listen or shield_services has changed: to take effect, the shield must be restarted"), Is.EqualTo(2));
        // It still serves its clients, by its own values.
        Assert.That(smtp.Current.Limits.SoftErrorLimit, Is.EqualTo(6));
        Assert.That(new ShieldService("submission", _snapshot).Current.Limits.SoftErrorLimit, Is.EqualTo(7));

        File.WriteAllText(_path, "smtpd_soft_error_limit = 8\n");
        _watcher.Reload();
        Assert.That(_log.Lines.Count(line => line.Contains("must be restarted", StringComparison.Ordinal)), Is.EqualTo(2), "as at start again");
        Assert.That(smtp.Current.Limits.SoftErrorLimit, Is.EqualTo(8));
    }

    private sealed class RecordingLogger : ILogger<ShieldConfigurationWatcher>
    {
        private readonly List<string> _lines = [];

        public List<string> Lines
        {
            get
            {
                lock (_lines)
                    return [.. _lines];
            }
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (_lines)
                _lines.Add(formatter(state, exception));
        }
    }
}
