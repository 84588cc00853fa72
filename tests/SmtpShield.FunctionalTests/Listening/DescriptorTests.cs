using System.Net;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Listening;

/// <summary>The program with few file descriptors and many more clients than these are enough for: who finds no room waits, and nothing ends.</summary>
[Platform("Linux")]
public sealed class DescriptorTests
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);

    [TestCase(256)]
    [TestCase(1024)]
    [TestCase(20_000, Explicit = true, Reason = "60,000 clients: run as root, alone")]
    [CancelAfter(300_000)]
    public async Task Clients_ThreeTimesAsManyAsDescriptors_WaitAndAreServedWhenOthersLeave(int descriptors, CancellationToken cancellationToken)
    {
        await using var mta = AnsweringMta.Start();
        await using var shield = await StartAsync(mta, descriptors, new Dictionary<string, string>(), cancellationToken);
        var fit = Lowered(shield);
        TestContext.Out.WriteLine($"{descriptors} descriptors, {OpenDescriptors(shield)} open: {fit} sessions");

        for (var round = 0; round < 3; round++)
        {
            await using (var crowd = new Crowd(shield.EndPoint, 3 * descriptors))
            {
                await Eventually.HoldsAsync(() => shield.HasExited || crowd.Greeted >= fit, _patience,
                    $"{fit} clients are greeted, {crowd.Greeted} are", cancellationToken);
                // A reload reads files and opens the log anew.
                shield.Signal(OutsideProcess.HangUp);
                await Eventually.HoldsAsync(() => shield.HasExited || Count(shield, "reload -- ") > round, _patience,
                    "the configuration is read again", cancellationToken);
                TestContext.Out.WriteLine($"round {round}: {crowd.Greeted} greeted, {OpenDescriptors(shield)} open");
                Assert.That((shield.HasExited, crowd.Greeted), Is.EqualTo((false, fit)), shield.AllLines);
                Assert.That(OpenDescriptors(shield), Is.LessThan(descriptors - 16));
            }

            await using var next = new Crowd(shield.EndPoint, fit);
            await Eventually.HoldsAsync(() => next.Greeted == fit, _patience, $"{fit} new clients are greeted at once", cancellationToken);
        }

        Assert.That(shield.AllLines, Does.Not.Contain("Too many open files").And.Not.Contain("warning: accept:"));
        await shield.StopAsync(cancellationToken);
    }

    [Test, CancelAfter(120_000)]
    public async Task Clients_ThatAreRefusedAndDoNotClose_LeaveRoomForOthers(CancellationToken cancellationToken)
    {
        await using var mta = AnsweringMta.Start();
        await using var shield = await StartAsync(mta, 256, new Dictionary<string, string> { ["smtpd_peername_lookup"] = "yes" }, cancellationToken);

        // Refused as no SMTP, and then held open by the client: the shield waits for a bounded number of them, and not long. Twice as many as fit;
        // who finds the listen queue full is not heard of again before its system tries once more, later each time.
        var most = 2 * Lowered(shield);
        await using (new Crowd(shield.EndPoint, 768, "GET / HTTP/1.1\r\n"u8.ToArray()))
            await Eventually.HoldsAsync(() => shield.HasExited || Count(shield, "disconnect from") >= most, _patience,
                $"{most} are refused", cancellationToken);

        Assert.That(shield.HasExited, Is.False, shield.AllLines);
        await using var client = await RawSmtpClient.ConnectAsync(shield.EndPoint, IPAddress.Loopback, cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("220"));
        Assert.That(shield.AllLines, Does.Not.Contain("Too many open files").And.Not.Contain("warning: accept:"));
    }

    [Test, CancelAfter(60_000)]
    public async Task Start_SeveralServices_ShareWhatFits(CancellationToken cancellationToken)
    {
        await using var mta = AnsweringMta.Start();
        var submission = new IPEndPoint(IPAddress.Loopback, LoopbackPorts.Take());
        await using var shield = await StartAsync(
            mta, 1024, new Dictionary<string, string> { ["shield_services"] = "smtp submission", ["submission/inet/shield_listen"] = $"{submission}",
                ["submission/inet/default_process_limit"] = "30000" }, cancellationToken);

        Assert.That(shield.AllLines, Does.Match(@"warning: service smtp: default_process_limit = 10000 is lowered to \d+: 1024 file descriptors \(ulimit -n, "
            + @"systemd LimitNOFILE=\) are enough for \d+ sessions"));
        Assert.That(shield.AllLines, Does.Match(@"warning: service submission: default_process_limit = 30000 is lowered to \d+:"));

        // One is full, and the other serves.
        await using var crowd = new Crowd(shield.EndPoint, 3000);
        await Eventually.HoldsAsync(() => crowd.Greeted == Lowered(shield), _patience, "smtp is full", cancellationToken);
        await using var client = await RawSmtpClient.ConnectAsync(submission, IPAddress.Loopback, cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("220"));
        await shield.StopAsync(cancellationToken);
    }

    // The build's program has two for each assembly.
    [TestCase(224, 50, "1 sessions, one for each service")]
    [TestCase(128, 40, "the program itself")]
    [CancelAfter(60_000)]
    public void Start_TooFewDescriptors_NamesTheLimitAndTheRemedy(int built, int native, string whom, CancellationToken cancellationToken)
    {
        var descriptors = ShieldProgram.IsNative ? native : built;
        Assert.That(
            async () =>
            {
                await using var mta = AnsweringMta.Start();
                await using var shield = await StartAsync(mta, descriptors, new Dictionary<string, string>(), cancellationToken);
            },
            Throws.InvalidOperationException.With.Message.Matches(
                $@"exited with 1:\nsmtpshield: fatal: {descriptors} file descriptors \(ulimit -n, systemd LimitNOFILE=\) are too few for {whom}; "
                    + @"raise the limit: \d+ descriptors or more"));
    }

    [Test, CancelAfter(60_000)]
    public async Task Start_SoftLimitBelowTheHardOne_IsRaised(CancellationToken cancellationToken)
    {
        await using var mta = AnsweringMta.Start();
        await using var shield = await StartAsync(mta, 256, new Dictionary<string, string> { ["default_process_limit"] = "100" },
            cancellationToken, hard: 1024);

        Assert.That(File.ReadLines($"/proc/{shield.Id}/limits").Single(line => line.StartsWith("Max open files", StringComparison.Ordinal)),
            Does.Match(@"1024 +1024"));
        Assert.That(shield.AllLines, Does.Not.Contain("is lowered"));
    }

    private static Task<ShieldProcess> StartAsync(ScriptedMta mta, int descriptors, Dictionary<string, string> parameters, CancellationToken cancellationToken,
        int? hard = null) => ShieldProcess.StartAsync(
            mta.EndPoint,
            new Dictionary<string, string>(parameters) 
            {
                ["smtpd_client_connection_count_limit"] = "0", ["shield_drain_timeout"] = "0", ["shield_upstream_session_limit"] = "0",
            },
            cancellationToken,
            ["prlimit", $"--nofile={descriptors}:{hard ?? descriptors}"]);

    private static int Lowered(ShieldProcess shield) =>
        int.Parse(System.Text.RegularExpressions.Regex.Match(shield.AllLines, @"default_process_limit = 10000 is lowered to (\d+):").Groups[1].Value, null);

    private static int Count(ShieldProcess shield, string text) => shield.AllLines.Split(text).Length - 1;

    private static int OpenDescriptors(ShieldProcess shield) => Directory.GetFiles($"/proc/{shield.Id}/fd").Length;
}
