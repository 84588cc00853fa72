using System.Net;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Host;

/// <summary>The program itself and signals: none but SIGTERM and SIGINT ends it, and many at once keep nobody waiting.</summary>
[Platform("Linux"), CancelAfter(120_000)]
public sealed class SignalTests
{
    private const int User1 = 10;
    private const int User2 = 12;
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);
    private static readonly IPEndPoint s_nobody = new(IPAddress.Loopback, 9);

    private static int Count(ShieldProcess shield, string text) => shield.AllLines.Split(text).Length - 1;

    // As logrotate or a configuration tool does that has just started the service: again and again from its first moment on.
    [Test]
    public async Task HangUp_WhileTheProgramStarts_ReloadsWhenItHas(CancellationToken cancellationToken)
    {
        var directory = Directory.CreateTempSubdirectory("smtpshield-signal-").FullName;
        try
        {
            var (mainCf, log) = (Path.Combine(directory, "main.cf"), Path.Combine(directory, "maillog"));
            await File.WriteAllTextAsync(mainCf,
                $"shield_listen = 127.0.0.1:{LoopbackPorts.Take()}\nmaillog_file = {log}\nmyhostname = mail.example.com\n", cancellationToken);
            await using var process = ShieldProgram.Start(["run", "-c", mainCf]);
            // Before Main the runtime itself would end; it catches SIGHUP with the program's first statement, long before the log is opened.
            await Eventually.HoldsAsync(() => process.HasExited || CatchesHangUp(process.Id), s_limit, "SIGHUP is caught", cancellationToken);
            for (var i = 0; i < 20; i++)
                process.Signal(OutsideProcess.HangUp);

            await Eventually.HoldsAsync(() => process.HasExited
                || (File.Exists(log) && File.ReadAllText(log).Contains("reload -- version", StringComparison.Ordinal)), s_limit, "a reload", cancellationToken);
            Assert.That(process.HasExited, Is.False, process.Output);
            var lines = await File.ReadAllLinesAsync(log, cancellationToken);
            Assert.That(Array.FindIndex(lines, line => line.Contains("daemon started", StringComparison.Ordinal)),
                Is.LessThan(Array.FindIndex(lines, line => line.Contains("reload --", StringComparison.Ordinal))));
            process.Signal(OutsideProcess.Terminate);
            await process.WaitForExitAsync(s_limit, cancellationToken);
            Assert.That(process.ExitCode, Is.Zero);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [Test]
    public async Task HangUp_AThousandTimes_ClientsAreGreetedAndReloadsAreFew(CancellationToken cancellationToken)
    {
        await using var mta = new ScriptedMta();
        mta.Serve(async connection =>
        {
            await connection.SendAsync("220 mail.example.com ESMTP\r\n", cancellationToken);
            await connection.Ended.WaitAsync(cancellationToken);
        });
        await using var shield = await ShieldProcess.StartAsync(mta.EndPoint, new Dictionary<string, string>(), cancellationToken);
        for (var i = 0; i < 1000; i++)
        {
            shield.Signal(OutsideProcess.HangUp);
            // The kernel keeps one of each kind: the next one is another only when this one has been taken.
            while (Mask(shield.Id, "ShdPnd").IsHangUp)
                await Task.Yield();
        }

        for (var i = 0; i < 5; i++)
        {
            await using var client = await RawSmtpClient.ConnectAsync(shield.EndPoint, IPAddress.Parse("127.0.0.3"), cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("220 "));
        }

        await Eventually.HoldsAsync(() => Count(shield, "reload -- version") >= 1, s_limit, "a reload", cancellationToken);
        await shield.StopAsync(cancellationToken);
        Assert.That(Count(shield, "reload -- version"), Is.LessThan(100), "one at a time, the rest in one");
    }

    [Test]
    public async Task User1_LogRotated_IsOpenedAnewAndNothingIsReloaded(CancellationToken cancellationToken)
    {
        await using var shield = await ShieldProcess.StartAsync(s_nobody, new Dictionary<string, string>(), cancellationToken);
        await Eventually.HoldsAsync(() => Count(shield, "daemon started") == 1, s_limit, "the first log", cancellationToken);
        File.Move(shield.LogPath, shield.LogPath + ".1");
        shield.Signal(User2);
        shield.Signal(User1);
        await Eventually.HoldsAsync(() => shield.HasExited || File.Exists(shield.LogPath), s_limit, "a new log", cancellationToken);
        Assert.That(shield.HasExited, Is.False);
        await shield.StopAsync(cancellationToken);
        Assert.That(shield.AllLines, Does.Not.Contain("reload --"));
    }

    private static bool CatchesHangUp(int process)
    {
        try
        {
            return Mask(process, "SigCgt").IsHangUp && File.ReadAllText($"/proc/{process}/cmdline").Contains("smtpshield", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false; // It has ended.
        }
    }

    // A line of /proc/PID/status that has a bit for each signal: SigCgt those that are caught, ShdPnd those that wait.
    private static SignalMask Mask(int process, string name) =>
        new(Convert.ToUInt64(File.ReadLines($"/proc/{process}/status")
            .First(line => line.StartsWith(name + ":", StringComparison.Ordinal)).Split('\t')[1], 16));

    private readonly record struct SignalMask(ulong Bits)
    {
        public bool IsHangUp => (Bits & 1) != 0;
    }
}
