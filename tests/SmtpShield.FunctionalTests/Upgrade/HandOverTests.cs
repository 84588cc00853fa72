using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using SmtpShield.Testing.Ledger;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Upgrade;

/// <summary>The program itself, which hands over to another process of it: nobody outside can tell.</summary>
[Platform("Linux"), CancelAfter(180_000)]
internal sealed class HandOverTests
{
    private const int Sending = 4;
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);
    private static readonly MailStage[] _stages = Enum.GetValues<MailStage>();

    private LedgerSink _sink = null!;

    [SetUp]
    public void StartSink() => _sink = new();

    [TearDown]
    public ValueTask StopSink() => _sink.DisposeAsync();

    [TestCase("epoll")]
    [TestCase("sockets")]
    public async Task Upgrade_UnderLoad_EachMailArrivesOnceAndNobodyIsRefused(string transport, CancellationToken cancellationToken)
    {
        await using var shield = await StartAsync(new() { ["shield_transport"] = transport }, cancellationToken);
        var (ledger, standstill) = (new MailLedger(), new Standstill());
        using var enough = new CancellationTokenSource();

        // One at each stage of a session, as long as the hand-over lasts; and others who come, send a mail and go, one after the other.
        var standing = _stages.Select(stage => NewClient(shield, ledger, 10 + (int)stage, (MailManner)((int)stage % 2)).StandingAt(stage, standstill)
            .SendAsync(2, cancellationToken)).ToList();
        var sending = Enumerable.Range(0, Sending).Select(number => SendOnAndOnAsync(shield, ledger, number, enough.Token, cancellationToken)).ToList();
        await UntilAsync(() => standstill.Standing == _stages.Length && ledger.Acknowledged > 2 * Sending, "all are under way", cancellationToken);

        var answers = await Task.WhenAll(shield.UpgradeAsync(cancellationToken), shield.UpgradeAsync(cancellationToken));
        Assert.That(answers.Select(static answer => answer.Status), Is.EquivalentTo(new[] { 200, 409 }), "of two at once, one is done");
        Assert.That(answers.Single(static answer => answer.Status == 409).Body, Does.Contain("another upgrade is under way").Or.Contain("handed over already"));
        var successor = answers.Max(static answer => answer.Process);

        var before = ledger.Acknowledged;
        await UntilAsync(() => ledger.Acknowledged > before + (5 * Sending), "the new process is sent mail", cancellationToken);
        Assert.That(shield.HasExited, Is.False, "the old one has sessions");
        standstill.GoOn();
        await Task.WhenAll(standing);
        await enough.CancelAsync();
        await Task.WhenAll(sending);

        await UntilAsync(() => shield.HasExited, "the old process has ended", cancellationToken);
        Assert.Multiple(() =>
        {
            Assert.That(shield.ExitCode, Is.Zero);
            Assert.That(ledger.Differences(_sink.Stored), Is.Empty);
            Assert.That(ledger.Refusals, Is.Empty);
            Assert.That(shield.AllLines, Does.Match($@"smtpd\[{shield.Id}\]: disconnect from .* mail=2"));
            Assert.That(shield.AllLines, Does.Match($@"smtpd\[{successor}\]: disconnect from .* mail=1"));
        });
        await shield.StopSuccessorsAsync(cancellationToken);
    }

    [Test]
    public async Task Upgrade_NewOneDoesNotStart_TheOldOneGoesOn(CancellationToken cancellationToken)
    {
        await using var shield = await StartAsync([], cancellationToken);
        await shield.SaveAsync(new Dictionary<string, string> { ["smtpd_timeout"] = "soon" }, cancellationToken);
        var (status, body, _) = await shield.UpgradeAsync(cancellationToken);
        Assert.That((status, body), Is.EqualTo((409, body)));
        Assert.That(body, Does.Contain("smtpd_timeout"));
        await GreetsAsync(shield, cancellationToken);

        // This one fails later, when the old one has let clients wait: somebody else listens at its second address.
        await using var other = new ScriptedMta();
        await shield.SaveAsync(
            new Dictionary<string, string> { ["smtpd_timeout"] = "300s", ["shield_listen"] = $"{shield.EndPoint}, {other.EndPoint}" }, cancellationToken);
        (status, body, _) = await shield.UpgradeAsync(cancellationToken);
        Assert.That(status, Is.EqualTo(409));
        Assert.That(body, Does.Contain($"bind 127.0.0.1 port {other.EndPoint.Port}: Address already in use"));
        await GreetsAsync(shield, cancellationToken);
        Assert.That(shield.AllLines, Does.Match(@"warning: upgrade by uid \d+( \(\w+\))? failed, this process goes on: bind 127\.0\.0\.1"));
        await shield.StopAsync(cancellationToken);
    }

    [Test]
    public async Task Upgrade_WhatIsKnown_GoesOn(CancellationToken cancellationToken)
    {
        await using var shield = await StartAsync(
            new() { ["smtpd_client_connection_count_limit"] = "2", ["smtpd_client_message_rate_limit"] = "2" }, cancellationToken);
        await using var one = await IntroducedAsync(shield, cancellationToken);
        await using var two = await IntroducedAsync(shield, cancellationToken);
        foreach (var command in new[] { "MAIL FROM:<a@client.example>", "RSET", "MAIL FROM:<a@client.example>", "RSET" })
            Assert.That(await one.CommandAsync(command, cancellationToken), Does.StartWith("250 "));
        Assert.That(await GreetingAsync(shield, "127.0.60.7", cancellationToken), Does.StartWith("421 "), "it has two connections open");
        await ChangeAsync(shield, HttpMethod.Post, "/v1/bans", """{"prefix": "192.0.2.9", "for_s": 3600}""", cancellationToken);
        await ChangeAsync(shield, HttpMethod.Post, "/v1/exemptions", """{"prefix": "127.0.60.8", "for_s": 3600}""", cancellationToken);
        await ChangeAsync(shield, HttpMethod.Put, "/v1/parameters/*/smtpd_client_recipient_rate_limit", """{"value": "7"}""", cancellationToken);
        var answer = await AskToEndAsync(shield, "POST /v1/upgrade", cancellationToken);
        Assert.That(answer, Does.StartWith("HTTP/1.1 200 ").And.Contain("Connection: close"), "the next question is for the new one");
        shield.AddSuccessor(int.Parse(Regex.Match(answer, "\"process\":(\\d+)").Groups[1].Value, null));

        var explained = "";
        await Eventually.HoldsAsync(async () =>
        {
            explained = await GetAsync(shield, "/v1/clients/127.0.60.7", cancellationToken);
            return explained.Contains("\"refused\":1", StringComparison.Ordinal);
        }, s_limit, () => $"the refusal before the upgrade is known: {explained}", cancellationToken);
        Assert.That(await GreetingAsync(shield, "127.0.60.7", cancellationToken), Does.StartWith("421 ").And.Contain("too many connections"));
        Assert.That(await GetAsync(shield, "/v1/bans", cancellationToken), Does.Contain("192.0.2.9"));
        Assert.That(await GetAsync(shield, "/v1/exemptions", cancellationToken), Does.Contain("127.0.60.8"));
        Assert.That(await GetAsync(shield, "/v1/parameters?name=smtpd_client_recipient_rate_limit", cancellationToken), Does.Contain("\"value\":\"7\""));
        Assert.That(await GetAsync(shield, "/v1/changes", cancellationToken), Does.Contain("\"action\":\"upgrade\"").And.Contain("\"action\":\"ban\""));

        // What ends at the old process is said to the new one.
        Assert.That(await two.CommandAsync("QUIT", cancellationToken), Does.StartWith("221 "));
        var greeting = "";
        await Eventually.HoldsAsync(async () =>
        {
            await using var third = await RawSmtpClient.ConnectAsync(shield.EndPoint, IPAddress.Parse("127.0.60.7"), cancellationToken);
            greeting = await third.ReplyAsync(cancellationToken);
            if (!greeting.StartsWith("220 ", StringComparison.Ordinal))
                return false;
            Assert.That(await third.CommandAsync("EHLO client.example", cancellationToken), Does.StartWith("250-"));
            Assert.That(await third.CommandAsync("MAIL FROM:<a@client.example>", cancellationToken), Does.StartWith("450 ").And.Contain("too much mail"));
            return true;
        }, s_limit, () => $"the client is let in again: {greeting}", cancellationToken);
        Assert.That(await one.CommandAsync("QUIT", cancellationToken), Does.StartWith("221 "));
        await shield.StopSuccessorsAsync(cancellationToken);
    }

    // So many that nobody reaches it by asking again and again until the other process has been heard.
    private const int MessageLimit = 4000;

    [Test]
    public async Task Upgrade_WhatAClientDoesAtBothProcesses_CountsTogether(CancellationToken cancellationToken)
    {
        await using var shield = await StartAsync(
            new() { ["smtpd_client_message_rate_limit"] = $"{MessageLimit}", ["smtpd_junk_command_limit"] = "100000" }, cancellationToken);
        await using var left = await IntroducedAsync(shield, cancellationToken);
        Assert.That((await shield.UpgradeAsync(cancellationToken)).Status, Is.EqualTo(200));

        // What is done at the old process is refused at the new one.
        for (var mail = 0; mail < 10; mail++)
        {
            Assert.That(await left.CommandAsync("MAIL FROM:<a@client.example>", cancellationToken), Does.StartWith("250 "));
            Assert.That(await left.CommandAsync("RSET", cancellationToken), Does.StartWith("250 "));
        }

        var counted = "";
        await Eventually.HoldsAsync(async () =>
        {
            counted = await GetAsync(shield, "/v1/clients/127.0.60.7", cancellationToken);
            return counted.Contains("\"messages\":10,", StringComparison.Ordinal);
        }, s_limit, () => $"the new process knows of 10 messages: {counted}", cancellationToken);
        Assert.That(counted, Does.Contain("\"open\":1,\"connections\":1,"));
        await using var further = await IntroducedAsync(shield, cancellationToken);
        await further.SendAsync(string.Concat(Enumerable.Repeat("MAIL FROM:<a@client.example>\r\nRSET\r\n", MessageLimit - 9)), cancellationToken);
        for (var mail = 0; mail < MessageLimit - 10; mail++)
            Assert.That((await further.ReplyAsync(cancellationToken) + await further.ReplyAsync(cancellationToken))[..4], Is.EqualTo("250 "), $"mail {mail}");
        Assert.That(await further.ReplyAsync(cancellationToken), Does.StartWith("450 ").And.Contain("too much mail"));

        // And what is done at the new one at the old one.
        await Eventually.HoldsAsync(async () =>
        {
            var answer = await left.CommandAsync("MAIL FROM:<a@client.example>", cancellationToken);
            await left.CommandAsync("RSET", cancellationToken);
            return answer.StartsWith("450 ", StringComparison.Ordinal);
        }, s_limit, () => "the old process has heard of it", cancellationToken);

        Assert.That(await left.CommandAsync("QUIT", cancellationToken), Does.StartWith("221 "));
        await shield.StopSuccessorsAsync(cancellationToken);
    }

    [Test]
    public async Task HangUp_AnotherFileInTheProgramsPlace_TakesOver(CancellationToken cancellationToken)
    {
        var directory = Directory.CreateTempSubdirectory("smtpshield-upgrade-").FullName;
        var successor = 0;
        try
        {
            var (program, command) = Install(directory);
            var (mainCf, log, at) = (Path.Combine(directory, "main.cf"), Path.Combine(directory, "maillog"), LoopbackPorts.Take());
            await File.WriteAllTextAsync(mainCf,
                $"shield_listen = 127.0.0.1:{at}\nshield_upstream = {_sink.EndPoint}\nmaillog_file = {log}\nmyhostname = mail.example.com\n"
                + "shield_control_socket =\nshield_state_directory =\n", cancellationToken);
            await using var shield = OutsideProcess.Start(command[0], [.. command[1..], "run", "-c", mainCf]);
            await HasLoggedAsync("daemon started");
            shield.Signal(OutsideProcess.HangUp);
            await HasLoggedAsync("reload -- version");
            Assert.That(File.ReadAllText(log), Does.Not.Contain("upgrade: "), "the program is the same");

            File.Copy(program, program + ".new");
            File.Move(program + ".new", program, overwrite: true);
            shield.Signal(OutsideProcess.HangUp);
            await HasLoggedAsync("upgrade: taken over from process ");
            successor = int.Parse(Regex.Match(File.ReadAllText(log), @"\[(\d+)\]: upgrade: taken over").Groups[1].Value, null);
            await UntilAsync(() => shield.HasExited, "the old process has ended", cancellationToken);
            Assert.That((shield.ExitCode, File.ReadAllText(log).Split("reload --").Length), Is.EqualTo((0, 2)));

            Task HasLoggedAsync(string text) => UntilAsync(
                () => shield.HasExited || (File.Exists(log) && File.ReadAllText(log).Contains(text, StringComparison.Ordinal)), text, cancellationToken);
        }
        finally
        {
            if (successor > 0)
                OutsideProcess.Signal(successor, OutsideProcess.Kill);
            Directory.Delete(directory, recursive: true);
        }
    }

    // The program alone is a file of its own; what else there is in its directory stays where it is.
    private static (string Program, string[] Command) Install(string directory)
    {
        var place = Directory.CreateDirectory(Path.Combine(directory, "bin")).FullName;
        var program = Path.Combine(place, Path.GetFileName(ShieldProgram.Path));
        if (!ShieldProgram.IsNative)
        {
            foreach (var file in Directory.GetFileSystemEntries(Path.GetDirectoryName(ShieldProgram.Path)!))
            {
                if (Path.GetFileName(file) != Path.GetFileName(program))
                    File.CreateSymbolicLink(Path.Combine(place, Path.GetFileName(file)), file);
            }
        }

        File.Copy(ShieldProgram.Path, program);
        return (program, [.. ShieldProgram.Command.SkipLast(1), program]);
    }

    private static async Task<RawSmtpClient> IntroducedAsync(ShieldProcess shield, CancellationToken cancellationToken)
    {
        var client = await RawSmtpClient.ConnectAsync(shield.EndPoint, IPAddress.Parse("127.0.60.7"), cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("220 "));
        Assert.That(await client.CommandAsync("EHLO client.example", cancellationToken), Does.StartWith("250-"));
        return client;
    }

    private static async Task<string> GreetingAsync(ShieldProcess shield, string from, CancellationToken cancellationToken)
    {
        await using var client = await RawSmtpClient.ConnectAsync(shield.EndPoint, IPAddress.Parse(from), cancellationToken);
        return await client.ReplyAsync(cancellationToken);
    }

    private static async Task<string> AskToEndAsync(ShieldProcess shield, string request, CancellationToken cancellationToken)
    {
        using var socket = await ControlHttp.ConnectAsync(shield.ControlSocket, cancellationToken);
        await using var stream = new NetworkStream(socket);
        await stream.WriteAsync(
            Encoding.ASCII.GetBytes($"{request} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n"),
            cancellationToken);
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync(cancellationToken);
    }

    private static async Task ChangeAsync(ShieldProcess shield, HttpMethod method, string resource, string json, CancellationToken cancellationToken)
    {
        var (status, body) = await ControlHttp.AskAsync(shield.ControlSocket, method, resource, cancellationToken, json);
        Assert.That(status, Is.EqualTo(200), body);
    }

    private static async Task<string> GetAsync(ShieldProcess shield, string resource, CancellationToken cancellationToken) =>
        (await ControlHttp.AskAsync(shield.ControlSocket, HttpMethod.Get, resource, cancellationToken)).Body;

    private Task<ShieldProcess> StartAsync(Dictionary<string, string> parameters, CancellationToken cancellationToken) => ShieldProcess.StartAsync(
        _sink.EndPoint,
        new Dictionary<string, string>(parameters) { ["shield_drain_timeout"] = "300s" },
        cancellationToken);

    private static LedgerClient NewClient(ShieldProcess shield, MailLedger ledger, int number, MailManner manner) =>
        new(shield.EndPoint, IPAddress.Parse($"127.0.60.{number}"), "box", ledger, manner) { Patience = s_limit };

    private static async Task SendOnAndOnAsync(
        ShieldProcess shield, MailLedger ledger, int number, CancellationToken enough, CancellationToken cancellationToken)
    {
        while (!enough.IsCancellationRequested)
            await NewClient(shield, ledger, 30 + number, (MailManner)(number % 2)).SendAsync(1, cancellationToken);
    }

    private static async Task GreetsAsync(ShieldProcess shield, CancellationToken cancellationToken) =>
        Assert.That(await GreetingAsync(shield, "127.0.60.1", cancellationToken), Does.StartWith("220 "));

    private static Task UntilAsync(Func<bool> condition, string what, CancellationToken cancellationToken) =>
        Eventually.HoldsAsync(condition, s_limit, what, cancellationToken);
}
