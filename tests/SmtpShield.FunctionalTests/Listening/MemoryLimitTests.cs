using System.Net;
using System.Text;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Listening;

/// <summary>The program with little memory and clients that make each session as large as they can.</summary>
[Platform("Linux")]
public sealed class MemoryLimitTests
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);

    // Hexadecimal; with 0x the program compiled ahead of time takes it for nothing. 6000000: 96 MiB.
    [Test, CancelAfter(180_000)]
    public async Task Clients_ThatSendAllTheyMayAhead_DoNotEndTheProgram(CancellationToken cancellationToken)
    {
        await using var mta = AnsweringMta.Start();
        await using var shield = await StartAsync(mta, "6000000", cancellationToken);
        var fit = int.Parse(System.Text.RegularExpressions.Regex.Match(
            shield.AllLines, @"default_process_limit = 10000 is lowered to (\d+): 96 MiB of memory \(DOTNET_GCHeapHardLimit,").Groups[1].Value, null);

        // The first reply is delayed, and what is behind it waits in the shield.
        var ahead = Encoding.ASCII.GetBytes(
            "EHLO client.example\r\n" + "ETRN\r\n" + string.Concat(Enumerable.Repeat("RCPT TO:<somebody@example.test>\r\n", 4000)));
        for (var round = 0; round < 2; round++)
        {
            await using (var crowd = new Crowd(shield.EndPoint, 1500, ahead))
            {
                await Eventually.HoldsAsync(() => shield.HasExited || crowd.Greeted >= fit, _patience,
                    $"{fit} clients are greeted, {crowd.Greeted} are", cancellationToken);
                TestContext.Out.WriteLine($"{crowd.Greeted} greeted, {shield.Status("VmRSS") / 1024} MiB resident");
                Assert.That(shield.HasExited, Is.False, shield.AllLines);
            }

            await using var client = await RawSmtpClient.ConnectAsync(shield.EndPoint, IPAddress.Loopback, cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("220"));
        }

        await shield.StopAsync(cancellationToken);
    }

    [Test, CancelAfter(60_000)]
    public void Start_TooLittleMemory_NamesTheLimitAndTheRemedy(CancellationToken cancellationToken) => Assert.That(
        async () =>
        {
            await using var mta = AnsweringMta.Start();
            await using var shield = await StartAsync(mta, "2000000", cancellationToken);
        },
        Throws.InvalidOperationException.With.Message.Matches(
            @"exited with 1:\nsmtpshield: fatal: 32 MiB of memory \(DOTNET_GCHeapHardLimit, .*\) are too few for 1 sessions, one for each service; "
                + @"raise the limit: \d+ MiB or more"));

    private static Task<ShieldProcess> StartAsync(ScriptedMta mta, string limit, CancellationToken cancellationToken) => ShieldProcess.StartAsync(
        mta.EndPoint,
        new Dictionary<string, string>
        {
            ["smtpd_client_connection_count_limit"] = "0", ["shield_drain_timeout"] = "0", ["smtpd_soft_error_limit"] = "1",
            ["smtpd_error_sleep_time"] = "600s", ["smtpd_timeout"] = "600s", ["shield_upstream_session_limit"] = "0",
        },
        cancellationToken,
        ["env", $"DOTNET_GCHeapHardLimit={limit}"]);
}
