using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Options;
using Eventually = SmtpShield.Testing.Outside.Eventually;

namespace SmtpShield.Tests.Options;

[TestFixture, CancelAfter(20000)]
public sealed class ShieldConfigurationWatcherTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(9);

    private string _directory = "";
    private string _path = "";
    private FakeLogger<ShieldConfigurationWatcher> _log = new();
    private ShieldSnapshot _snapshot = new(new ShieldOptions());
    private ShieldConfigurationWatcher? _watcher;

    private IReadOnlyList<string> Lines => [.. _log.Collector.GetSnapshot().Select(static record => record.Message)];

    [SetUp]
    public async Task Start()
    {
        _directory = Directory.CreateTempSubdirectory().FullName;
        _path = Path.Combine(_directory, "main.cf");
        await File.WriteAllTextAsync(_path, "smtpd_soft_error_limit = 2\nmynetworks = " + Path.Combine(_directory, "list") + "\n");
        await File.WriteAllTextAsync(Path.Combine(_directory, "list"), "10.0.0.1\n");
        _log = new();
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

    // The file is changed, and the watcher has read it.
    private async Task SaveAsync(Action change, bool isRefused = false)
    {
        // The file's time must differ from the one it was read with.
        await Task.Delay(TimeSpan.FromMilliseconds(300));
        var before = Read();
        change();
        await Eventually.HoldsAsync(() => Read() > before, s_patience, "it is read", default);

        long Read() => isRefused ? _watcher!.Refused : _watcher!.Applied;
    }

    [Test]
    public void Start_BehindIt_HasAnOutcome() => Assert.That(_watcher!.Outcome, Has.Property(nameof(ConfigurationOutcome.Generation)).EqualTo(1));

    [Test]
    public async Task Start_FileSavedSinceItWasRead_IsInForce()
    {
        var configuration = new ShieldConfiguration(_path, []);
        var snapshot = new ShieldSnapshot(configuration.Read().Options!);
        using var watcher = new ShieldConfigurationWatcher(configuration, snapshot, _log, TimeProvider.System);
        await File.WriteAllTextAsync(_path + ".new", "smtpd_soft_error_limit = 5\n");
        File.Move(_path + ".new", _path, overwrite: true);

        var replaced = new TaskCompletionSource();
        using var registration = snapshot.GetChangeToken().RegisterChangeCallback(_ => replaced.TrySetResult(), null);
        await watcher.StartAsync(CancellationToken.None);

        await replaced.Task;
        Assert.That(snapshot.Current.Limits.SoftErrorLimit, Is.EqualTo(5));
        await watcher.StopAsync(CancellationToken.None);
    }

    [Test]
    public async Task Watch_FileRewrittenInPlace_IsInForce()
    {
        await SaveAsync(() => File.WriteAllText(_path, "smtpd_soft_error_limit = 3\n"));
        Assert.That(_snapshot.Current.Limits.SoftErrorLimit, Is.EqualTo(3));
    }

    [Test]
    public async Task Watch_FileReplacedByRename_IsInForce()
    {
        await File.WriteAllTextAsync(_path + ".new", "smtpd_soft_error_limit = 4\n");
        await SaveAsync(() => File.Move(_path + ".new", _path, overwrite: true));
        Assert.That(_snapshot.Current.Limits.SoftErrorLimit, Is.EqualTo(4));
    }

    [Test]
    public async Task Watch_ListNamedInTheFile_IsInForce()
    {
        await SaveAsync(() => File.WriteAllText(Path.Combine(_directory, "list"), "10.0.0.2 10.0.0.3\n"));
        Assert.That(_snapshot.Current.Limits.ClientEventLimitExceptions.Matches(System.Net.IPAddress.Parse("10.0.0.3"), ""), Is.True);
    }

    [Test]
    public async Task Watch_FileWithErrors_KeepsTheEarlierOptionsAndLogsEachError()
    {
        await SaveAsync(() => File.WriteAllText(_path, "smtpd_soft_error_limit = x\nfoo\n"), isRefused: true);
        Assert.That(_snapshot.Current.Limits.SoftErrorLimit, Is.EqualTo(2));
        Assert.That(Lines, Has.Some.Contains("line 1: bad numerical configuration").And.Some.Contains("line 2: missing '='")
            .And.Some.EqualTo($"{_path}: not reloaded, errors above: 2; the earlier configuration stays in force"));
    }

    [Test]
    public async Task Reload_WhenTold_IsInForceAtOnce()
    {
        File.WriteAllText(_path, "smtpd_soft_error_limit = 5\nshield_listen = 127.0.0.1:2525\n");
        Assert.That((await _watcher!.ReloadAsync(CancellationToken.None)).Errors, Is.Empty);
        Assert.That(_snapshot.Current.Limits.SoftErrorLimit, Is.EqualTo(5));
        Assert.That(Lines, Has.Some.Contains("shield_listen or shield_services has changed")
            .And.Some.StartsWith($"reload -- version {ShieldConfigurationWatcher.Version}, configuration "));
    }

    [Test]
    public async Task Reload_ValueOfAService_IsInForceAtOnceWithoutARestart()
    {
        File.WriteAllText(_path, "smtp/inet/smtpd_soft_error_limit = 6\n");
        Assert.That((await _watcher!.ReloadAsync(CancellationToken.None)).Errors, Is.Empty);
        Assert.That(new ShieldService("smtp", _snapshot).Unstressed.Limits.SoftErrorLimit, Is.EqualTo(6));
        Assert.That(Lines, Has.None.Contains("must be restarted"));
    }

    [Test]
    public async Task Reload_OtherServices_NeedARestartAndItIsSaidUntilThen()
    {
        var smtp = new ShieldService("smtp", _snapshot);
        File.WriteAllText(_path, "shield_services = smtp submission\nsmtp/inet/smtpd_soft_error_limit = 6\n");
        await _watcher!.ReloadAsync(CancellationToken.None);
        File.WriteAllText(_path, "shield_services = submission\nsmtpd_soft_error_limit = 7\n");
        await _watcher.ReloadAsync(CancellationToken.None);
        Assert.That(Lines.Count(line => line == $"{_path}: shield_listen or shield_services has changed: to take effect, the shield must be restarted"),
            Is.EqualTo(2));
        // It still serves its clients, by its own values.
        Assert.That(smtp.Unstressed.Limits.SoftErrorLimit, Is.EqualTo(6));
        Assert.That(new ShieldService("submission", _snapshot).Unstressed.Limits.SoftErrorLimit, Is.EqualTo(7));

        File.WriteAllText(_path, "smtpd_soft_error_limit = 8\n");
        await _watcher.ReloadAsync(CancellationToken.None);
        Assert.That(Lines.Count(line => line.Contains("must be restarted", StringComparison.Ordinal)), Is.EqualTo(2), "as at start again");
        Assert.That(smtp.Unstressed.Limits.SoftErrorLimit, Is.EqualTo(8));
    }

    private async Task<ShieldConfigurationResult> SaveAsync(string text)
    {
        await File.WriteAllTextAsync(_path, text);
        return await _watcher!.ReloadAsync(CancellationToken.None);
    }

    // "cat > main.cf", a full disk: for a moment, or for good, there is nothing in it.
    [TestCase("")]
    [TestCase("# only a comment\n")]
    [TestCase("\0\0\0\0\n")]
    public async Task Reload_FileWithoutAParameter_IsRefusedAndTheRemedyNamed(string text)
    {
        var before = _snapshot.Current;
        Assert.That((await SaveAsync(text)).Options, Is.Null);
        Assert.That(_snapshot.Current, Is.SameAs(before));
        Assert.That(Lines, Has.Some.EqualTo($"{_path}: has no parameter any more (was it saved half? Write it again; a restart takes it as it is)")
            .And.Some.EqualTo($"{_path}: not reloaded, errors above: 1; the earlier configuration stays in force"));

        Assert.That((await SaveAsync("smtpd_soft_error_limit = 3\n")).Errors, Is.Empty);
        Assert.That(_snapshot.Current.Limits.SoftErrorLimit, Is.EqualTo(3));
    }

    [TestCase("shield_upstream", "192.0.2.1:25", "127.0.0.1:10025")]
    [TestCase("shield_listen", "127.0.0.1:2525", "0.0.0.0:25, [::]:25")]
    public async Task Reload_FileThatLostWhereItListensOrItsMta_IsRefusedUntilItIsWritten(string name, string value, string preset)
    {
        Assert.That((await SaveAsync($"smtpd_soft_error_limit = 3\n{name} = {value}\n")).Errors, Is.Empty);
        var before = _snapshot.Current;
        Assert.That((await SaveAsync("smtpd_soft_error_limit = 4\n")).Options, Is.Null);
        Assert.That(_snapshot.Current, Is.SameAs(before));
        Assert.That(Lines, Has.Some.EqualTo(
            $"{_path}: {name} was set and is not any more: {name} = {preset} would take its place (was the file saved half? Write {name} = ..., "
                + "if it is that value; a restart takes the file as it is)"));

        Assert.That((await SaveAsync($"smtpd_soft_error_limit = 4\n{name} = {preset}\n")).Errors, Is.Empty, "said so");
        Assert.That(_snapshot.Current.Limits.SoftErrorLimit, Is.EqualTo(4));
    }

    [Test]
    public async Task Reload_ServiceThatLostItsMta_IsRefusedButNotWhereTheServiceItselfIsGone()
    {
        const string Service = "submission/inet/shield_upstream = 192.0.2.2:587\n";
        Assert.That((await SaveAsync($"shield_services = smtp submission\n{Service}")).Errors, Is.Empty);
        Assert.That((await SaveAsync("shield_services = smtp submission\n")).Errors.Select(problem => problem.Parameter),
            Is.EqualTo((string[])["submission/inet/shield_upstream"]));
        Assert.That((await SaveAsync("shield_services = smtp submission\nshield_upstream = 192.0.2.1:25\n")).Errors, Is.Empty, "the one of all services");
        Assert.That((await SaveAsync("shield_services = smtp\nshield_upstream = 192.0.2.1:25\n")).Errors, Is.Empty);
    }

    [Test]
    public async Task Reload_ChangedValues_AreNamedWithBothAndNoOthers()
    {
        await SaveAsync("smtpd_soft_error_limit = 3\nmy_limit = 7\nsmtpd_hard_error_limit = $my_limit\nmyhostname = ab.example\n");
        await SaveAsync("smtpd_soft_error_limit = 3\nmy_limit = 5\nsmtpd_hard_error_limit = $my_limit\nmyhostname = ab.example\nsmtp/inet/smtpd_timeout = 9\n");
        Assert.That(Lines, Has.Some.EqualTo("reload: smtp/inet/smtpd_timeout 300s -> 9, smtpd_hard_error_limit 7 -> 5"));
        var lines = Lines.Count(line => line.StartsWith("reload: ", StringComparison.Ordinal));
        await SaveAsync("# the same\nsmtpd_soft_error_limit = 3\nmy_limit = 5\nsmtpd_hard_error_limit = $my_limit\nmyhostname = "
            + "ab.example\nsmtp/inet/smtpd_timeout = 9\n");
        Assert.That(Lines.Count(line => line.StartsWith("reload: ", StringComparison.Ordinal)), Is.EqualTo(lines), "nothing has changed");
    }

    [Test]
    public async Task Reload_VeryMuchChanged_IsOneLineOfBoundedLength()
    {
        await SaveAsync($"mynetworks = {string.Join(' ', Enumerable.Range(1, 200).Select(i => $"10.0.0.{i}"))}\n"
                + string.Concat(Enumerable.Range(0, 40).Select(i => $"smtp{i}/inet/x = 1\n"))
            + "smtpd_soft_error_limit = 11\nsmtpd_hard_error_limit = 11\nsmtpd_junk_command_limit = 11\nline_length_limit = 999\nsmtpd_recipient_limit = "
            + "9\nsmtpd_recipient_overshoot_limit = 9\nsmtpd_timeout = 9\nsmtpd_min_data_rate = 9\n"
            + "smtpd_client_auth_rate_limit = 9\nsmtpd_client_message_rate_limit = 9\nsmtpd_client_recipient_rate_limit = "
            + "9\nsmtpd_client_connection_rate_limit = 9\nsmtpd_client_connection_count_limit = 9\n");
        var line = Lines.Last(line => line.StartsWith("reload: ", StringComparison.Ordinal));
        Assert.That(line, Has.Length.LessThan(1900).And.Match(" and [0-9]+ more$"));
    }

    [Test]
    public async Task Reload_SomebodyWhoIsToldFails_TheRestIsInForceAndItIsLogged()
    {
        using var registration = _snapshot.GetChangeToken().RegisterChangeCallback(_ => throw new InvalidOperationException("a bug"), null);
        Assert.That((await SaveAsync("smtpd_soft_error_limit = 9\n")).Errors, Is.Empty);
        Assert.That(_snapshot.Current.Limits.SoftErrorLimit, Is.EqualTo(9));
        Assert.That(Lines, Has.Some.EqualTo($"{_path}: the new configuration is in force, but not everywhere: restart the shield"));
        Assert.That(_watcher!.ExecuteTask!.IsFaulted, Is.False);
    }

    // What ended the process: an expression the engine can't run.
    [Test]
    public async Task Watch_ExpressionTheEngineCannotRun_IsRefusedAndTheWatchGoesOn()
    {
        await SaveAsync(() => File.WriteAllText(_path, "smtpd_forbidden_commands = regexp:{{/^(?!QUIT)X/ y}}\n"), isRefused: true);
        await SaveAsync(() => File.WriteAllText(_path, "smtpd_soft_error_limit = 6\n"));
    }
}
