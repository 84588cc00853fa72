using System.Net;
using System.Text.Json;
using SmtpShield.Testing.Outside;

namespace SmtpShield.FunctionalTests.Control;

/// <summary>The commands, as they are typed: what they print and their exit statuses.</summary>
[Platform("Linux"), CancelAfter(120_000)]
internal sealed class ControlCommandTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);
    private static readonly IPEndPoint s_away = new(IPAddress.Loopback, 9);

    [Test]
    [Property("Operations", "OPS-5")]
    public async Task Status_OfARunningShield_IsPrintedAndTheJsonIsTheAnswer(CancellationToken cancellationToken)
    {
        await using var shield = await ShieldProcess.StartAsync(
            s_away,
            // Not probed: nobody finds out that it is away.
            new Dictionary<string, string> { ["shield_client_handoff"] = "proxy-v2", ["shield_upstream_probe_interval"] = "0" },
            cancellationToken);

        var (status, output) = await RunAsync(["status", "-c", shield.MainCf, "--utc"], cancellationToken);
        Assert.That(status, Is.Zero, output);
        Assert.That(output, Does.Match($@"\ASmtpShield \S+, up (\d+m )?\d+s, {shield.MainCf}, revision 1\n"
            + @"SERVICE     SESSIONS +LIMIT +CONN/S +MAIL/S +REFUSED/S  STRESS  SHADOW\nsmtp {15}0 +\d+ +\S+ +\S+ +\S+  no      no\n"
            + @"MTA               STATE  SESSIONS  GREETING  REPLY P50  P99  FAILED/MIN\n127\.0\.0\.1:9       up     0\S* +- +- +- +0\n"
            + @"clients 0 of 1000000   limited 0   banned 0   log \S+ lines/s, 0 lost\n\z"));
        Assert.That(output, Does.Not.Contain("\u001B"), "a pipe");

        (status, output) = await RunAsync(["status", "-c", shield.MainCf, "--service", "smtp"], cancellationToken);
        Assert.That((status, output), Is.EqualTo((0, output)));
        Assert.That(output, Does.Contain("STRESS  SHADOW  LISTENS\n").And.Contain($"no      no      {shield.EndPoint}\n"));

        (status, output) = await RunAsync(["status", "--socket", shield.ControlSocket, "--json"], cancellationToken);
        var (_, body) = await ControlHttp.AskAsync(shield.ControlSocket, HttpMethod.Get, "/v1/status", cancellationToken);
        Assert.That((status, Names(output)), Is.EqualTo((0, Names(body))));

        Assert.That(await RunAsync(["status", "--check", "--socket", shield.ControlSocket], cancellationToken),
            Is.EqualTo((0, "OK: 0 connections, 0 clients limited\n")));
        await RunAsync(["upstream", "drain", "127.0.0.1:9", "--socket", shield.ControlSocket], cancellationToken);
        Assert.That(await RunAsync(["status", "--check", "--socket", shield.ControlSocket], cancellationToken),
            Is.EqualTo((2, "CRITICAL: service smtp: no MTA is up, clients get 421\n")));
        await shield.StopAsync(cancellationToken);
    }

    [Test]
    [Property("Operations", "OPS-5")]
    public async Task Command_NobodyAnswers_EndsWithThree(CancellationToken cancellationToken)
    {
        var directory = Directory.CreateTempSubdirectory("smtpshield-nobody-").FullName;
        try
        {
            var socket = Path.Combine(directory, "control.sock");
            var mainCf = Path.Combine(directory, "main.cf");
            await File.WriteAllTextAsync(mainCf, $"shield_control_socket = {socket}\n", cancellationToken);
            var nobody = (3, $"smtpshield: no shield answers at {socket} (is it running? are you in group smtpshield?)\n");
            Assert.That(await RunAsync(["status", "-c", mainCf], cancellationToken), Is.EqualTo(nobody));
            var (status, output) = await RunAsync(["status", "--check", "-c", mainCf], cancellationToken);
            Assert.That((status, output), Is.EqualTo((3, output)));
            Assert.That(output, Does.Contain(nobody.Item2).And.Contain("UNKNOWN: the shield can't be asked\n"));
            Assert.That(await RunAsync(["upstream", "list", "--socket", socket, "--json"], cancellationToken), Is.EqualTo(nobody));

            // A file in its place answers as little.
            await File.WriteAllTextAsync(socket, "", cancellationToken);
            Assert.That(await RunAsync(["upstream", "drain", "mta1:25", "-c", directory], cancellationToken), Is.EqualTo(nobody));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [Test]
    [Property("Operations", "OPS-5")]
    public async Task Command_NoSocketIsConfiguredOrNoFileIsThere_EndsWithOneAndTheRemedy(CancellationToken cancellationToken)
    {
        var mainCf = Path.GetTempFileName();
        await File.WriteAllTextAsync(mainCf, "shield_control_socket =\n", cancellationToken);
        try
        {
            Assert.That(await RunAsync(["status", "-c", mainCf], cancellationToken), Is.EqualTo(
                (1, $"smtpshield: shield_control_socket is empty in {mainCf}: this shield can't be asked (set it, or name a socket with --socket)\n")));
        }
        finally
        {
            File.Delete(mainCf);
        }

        Assert.That(await RunAsync(["status", "-c", mainCf], cancellationToken), Is.EqualTo(
            (1, $"smtpshield: {mainCf}: open {mainCf}: No such file or directory\n")));
    }

    [Test]
    [Property("Pool", "POOL-9")]
    public async Task Upstream_UnknownName_EndsWithOneAndNamesThoseThereAre(
        [Values("list", "drain", "ready", "probe")] string action, CancellationToken cancellationToken)
    {
        await using var shield = await ShieldProcess.StartAsync(s_away, new Dictionary<string, string>(), cancellationToken);

        Assert.That(await RunAsync(["upstream", action, "mta9:25", "--socket", shield.ControlSocket], cancellationToken), Is.EqualTo(
            (1, "smtpshield: no such upstream: mta9:25 (there are 127.0.0.1:9)\n")));
        var (status, _) = action == "list"
            ? await ControlHttp.AskAsync(shield.ControlSocket, HttpMethod.Get, "/v1/upstreams?name=mta9:25", cancellationToken)
            : await ControlHttp.AskAsync(shield.ControlSocket, HttpMethod.Post, $"/v1/upstreams/mta9:25/{action}", cancellationToken, "{}");
        Assert.That(status, Is.EqualTo(404));
        await shield.StopAsync(cancellationToken);
    }

    private static string Names(string json) =>
        string.Join(' ', JsonDocument.Parse(json).RootElement.EnumerateObject().Select(static property => property.Name));

    private static Task<(int ExitCode, string Output)> RunAsync(IEnumerable<string> arguments, CancellationToken cancellationToken) =>
        ShieldProgram.RunAsync(arguments, s_limit, cancellationToken);
}
