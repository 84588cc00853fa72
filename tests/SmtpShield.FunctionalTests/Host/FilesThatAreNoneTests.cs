using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using SmtpShield.Host;
using SmtpShield.Options;
using SmtpShield.Testing.Outside;

namespace SmtpShield.FunctionalTests.Host;

/// <summary>The running program, when what it reads or writes is no file, or somebody else writes it too.</summary>
[Platform("Linux"), CancelAfter(120_000)]
public sealed class FilesThatAreNoneTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);
    private static readonly IPEndPoint s_nobody = new(IPAddress.Loopback, 9);

    private static Task<string> MakePipeAsync(string path, CancellationToken cancellationToken) =>
        OutsideProcess.RunSuccessfullyAsync("mkfifo", [path], TimeSpan.FromSeconds(10), cancellationToken);

    [Test]
    public async Task Reload_MainCfOrListIsAPipe_IsRefusedMendedAndStopped([Values] bool isList, CancellationToken cancellationToken)
    {
        var list = Path.GetTempFileName();
        await using var shield = await ShieldProcess.StartAsync(s_nobody, new Dictionary<string, string> { ["mynetworks"] = list }, cancellationToken);
        var file = isList ? list : shield.MainCf;
        File.Move(file, file + ".kept");
        await MakePipeAsync(file, cancellationToken);
        shield.Signal(OutsideProcess.HangUp);
        await Eventually.HoldsAsync(
            () => shield.AllLines.Contains($"open {file}: Is a named pipe, not a regular file", StringComparison.Ordinal)
                && shield.AllLines.Contains("the earlier configuration stays in force", StringComparison.Ordinal),
            s_limit, "the refusal", cancellationToken);

        File.Delete(file);
        File.Move(file + ".kept", file);
        await Eventually.HoldsAsync(() => shield.AllLines.Contains("reload -- version", StringComparison.Ordinal), s_limit, "it is mended", cancellationToken);
        await MakePipeAsync(file + ".pipe", cancellationToken);
        File.Move(file + ".pipe", file, overwrite: true);
        shield.Signal(OutsideProcess.HangUp);
        await shield.StopAsync(cancellationToken);
        File.Delete(list);
    }

    [Test]
    public async Task Reload_MaillogFileIsAPipe_TheOldOneStaysAndTheNextIsUsed(CancellationToken cancellationToken)
    {
        await using var shield = await ShieldProcess.StartAsync(s_nobody, new Dictionary<string, string>(), cancellationToken);
        var pipe = shield.LogPath + ".pipe";
        await MakePipeAsync(pipe, cancellationToken);
        await shield.SaveAsync(new Dictionary<string, string> { ["maillog_file"] = pipe }, cancellationToken);
        await Eventually.HoldsAsync(() => shield.AllLines.Contains($"maillog_file: {pipe}: Is a named pipe", StringComparison.Ordinal), s_limit,
            "the refusal", cancellationToken);

        // Named as before, but a pipe now.
        File.Move(shield.LogPath, shield.LogPath + ".1");
        File.Move(pipe, shield.LogPath);
        shield.Signal(10);
        await Eventually.HoldsAsync(() => File.ReadAllText(shield.LogPath + ".1").Contains("Is a named pipe, not a regular file; name a file in maillog_file: "
            + "keeping the old logfile", StringComparison.Ordinal), s_limit, "the warning", cancellationToken);

        File.Delete(shield.LogPath);
        shield.Signal(10);
        await Eventually.HoldsAsync(() => File.Exists(shield.LogPath), s_limit, "the log is there again", cancellationToken);
        await shield.SaveAsync(new Dictionary<string, string> { ["maillog_file"] = shield.LogPath }, cancellationToken);
        await Eventually.HoldsAsync(() => shield.AllLines.Contains("reload -- version", StringComparison.Ordinal), s_limit, "it is written", cancellationToken);
        await shield.StopAsync(cancellationToken);
    }

    // Lines of both, whole and in any order: another daemon of the mail system, or an administrator's logger.
    [Test]
    public async Task Log_AnotherProgramWritesTheSameFile_NoLineIsLost(CancellationToken cancellationToken)
    {
        const int Lines = 300;
        await using var shield = await ShieldProcess.StartAsync(s_nobody, new Dictionary<string, string>(), cancellationToken);
        await Eventually.HoldsAsync(() => shield.AllLines.Contains("daemon started", StringComparison.Ordinal), s_limit, "it logs", cancellationToken);
        // SIGHUPs make it log, while the other one writes without a pause.
        var other = OutsideProcess.RunSuccessfullyAsync("sh", ["-c", $"i=0; while [ $i -lt {Lines} ]; do echo \"other $i\" >> '{shield.LogPath}'; i=$((i+1)); "
            + $"kill -HUP {shield.Id}; sleep 0.01; done"], s_limit, cancellationToken);
        await other;
        await shield.StopAsync(cancellationToken);

        var text = await File.ReadAllLinesAsync(shield.LogPath, cancellationToken);
        Assert.That(text.Where(line => line.StartsWith("other ", StringComparison.Ordinal)), Is.EqualTo(Enumerable.Range(0, Lines).Select(i => $"other {i}")));
        Assert.That(text.Where(line => !line.StartsWith("other ", StringComparison.Ordinal)),
            Has.All.Matches(@"^[A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d mail smtpshield/[a-z]+\[\d+\]: ").And.Some.Contains("reload --"));
    }

    // What ended the process with status 0, so that systemd left it where it was.
    [Test]
    public async Task Reload_ExpressionTheEngineCannotRun_IsRefusedAndTheProgramGoesOn(CancellationToken cancellationToken)
    {
        await using var shield = await ShieldProcess.StartAsync(s_nobody, new Dictionary<string, string>(), cancellationToken);
        await shield.SaveAsync(new Dictionary<string, string> { ["smtpd_forbidden_commands"] = "regexp:{{/^(?!QUIT)X/ y}}" }, cancellationToken);
        await Eventually.HoldsAsync(() => shield.HasExited || shield.AllLines.Contains("the earlier configuration stays in force", StringComparison.Ordinal),
            s_limit, "the refusal", cancellationToken);
        Assert.That(shield.HasExited, Is.False);
        await shield.StopAsync(cancellationToken);
    }

    [Test]
    public async Task Run_APartFails_EndsWithAStatusThatIsAFailure([Values] bool atStart, CancellationToken cancellationToken)
    {
        var options = new ShieldOptions { Listener = new() { Endpoints = [new(IPAddress.Loopback, 0)] }, Log = new() { MaillogFile = "/dev/null" } };
        Assert.That(await ShieldHost.RunAsync(new(options), services => services.AddHostedService(provider =>
            new FailingPart(atStart ? null : provider.GetRequiredService<IHostApplicationLifetime>()))).WaitAsync(cancellationToken), Is.EqualTo(1));
    }

    private sealed class FailingPart(IHostApplicationLifetime? lifetime) : BackgroundService
    {
        protected override async Task ExecuteAsync(CancellationToken stoppingToken)
        {
            var started = new TaskCompletionSource();
            using var registration = lifetime?.ApplicationStarted.Register(started.SetResult);
            await (lifetime is null ? Task.CompletedTask : started.Task.WaitAsync(stoppingToken));
            throw new InvalidOperationException("a bug");
        }
    }
}
