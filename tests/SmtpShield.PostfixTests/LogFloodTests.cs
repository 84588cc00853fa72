using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.PostfixTests;

/// <summary>
/// Programs that read the log, when clients flood it: the same traffic through a shield that logs all of it and one with the default
/// <c>shield_log_client_limit</c>.
/// </summary>
[Parallelizable(ParallelScope.Self)]
public sealed partial class LogFloodTests
{
    private const string Guesser = "127.84.1.1";
    private const string Reconnector = "127.84.1.2";
    private const string Scanner = "127.84.1.3";
    private const string Babbler = "127.84.1.4";
    private const string Friend = "127.84.1.5";
    private const string Clumsy = "127.84.1.6";

    private const int Mails = 8;
    private const int Rejects = 40 + 2;

    private static readonly Dictionary<string, string> s_parameters = new()
    {
        ["smtpd_client_connection_rate_limit"] = "15",
        ["smtpd_error_sleep_time"] = "0",
        ["smtpd_hard_error_limit"] = "50",
        ["smtpd_junk_command_limit"] = "4",
        ["syslog_name"] = "postfix",
    };

    private PostfixInstance? _postfix;
    private ShieldProcess? _unlimited;
    private ShieldProcess? _limited;
    private string _directory = "";

    private string LogBeforeSummaries => Path.Combine(_directory, "before-summaries.log");

    [OneTimeSetUp]
    public async Task MakeTraffic()
    {
        RealPostfix.Require();
        var cancellationToken = TestContext.CurrentContext.CancellationToken;
        _directory = Directory.CreateTempSubdirectory("smtpshield-flood-").FullName;
        _postfix = await PostfixInstance.StartAsync([PostfixService.WithoutLimits("behind")], cancellationToken);
        _unlimited = await ShieldProcess.StartAsync(_postfix.EndPointOf("behind"),
            new Dictionary<string, string>(s_parameters) { ["shield_log_client_limit"] = "0" }, cancellationToken);
        _limited = await ShieldProcess.StartAsync(_postfix.EndPointOf("behind"),
            new Dictionary<string, string>(s_parameters) { ["shield_log_client_limit"] = ShieldProcess.OwnDefault }, cancellationToken);
        await TrafficAsync(_unlimited.EndPoint, cancellationToken);
        await TrafficAsync(_limited.EndPoint, cancellationToken);
        await _postfix.WaitForEmptyQueueAsync(cancellationToken);
        await _limited.Log.WaitForAsync(
            texts => texts.Any(text => text.StartsWith($"disconnect from unknown[{Clumsy}]", StringComparison.Ordinal)), "the last one", cancellationToken);
        File.Copy(_limited.LogPath, LogBeforeSummaries);
        await _limited.StopAsync(cancellationToken);
    }

    [OneTimeTearDown]
    public async Task StopServers()
    {
        foreach (var shield in new[] { _unlimited, _limited })
        {
            if (shield is not null)
                await shield.DisposeAsync();
        }
        if (_postfix is not null)
            await _postfix.DisposeAsync();
        if (_directory.Length > 0)
            Directory.Delete(_directory, recursive: true);
    }

    [Test, CancelAfter(120_000), Property("Hazard", "FLOOD-2")]
    public async Task Fail2ban_Flood_BansWhomItWouldWithoutTheLimit(CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram("fail2ban-server");
        var expected = new Dictionary<string, string[]>
        {
            ["more"] = [Guesser, Babbler],
            ["aggressive"] = [Guesser, Reconnector, Scanner, Babbler],
            ["limits"] = [Reconnector],
        };
        var (socket, server) = StartFail2ban(expected.Keys);
        await using (server)
        {
            string[] jails = [.. expected.Keys.SelectMany(filter => new[] { $"{filter}-all", $"{filter}-limited" })];
            var banned = new Dictionary<string, string[]>();
            // No longer than a minute: the lines are there.
            await Eventually.TryAsync(() =>
            {
                foreach (var jail in jails)
                    banned[jail] = BannedBy(socket, jail);
                return jails.All(jail => banned[jail].SequenceEqual(expected[jail.Split('-')[0]]));
            }, TimeSpan.FromSeconds(60), cancellationToken);
            Assert.Multiple(() =>
            {
                foreach (var jail in jails)
                    Assert.That(banned[jail], Is.EqualTo(expected[jail.Split('-')[0]]), $"{jail}\n{server.Output}");
            });
        }
    }

    [Test, CancelAfter(60_000), Property("Hazard", "FLOOD-5")]
    public async Task Pflogsumm_Flood_CountsNothingTwiceAndDeliveriesExactly(CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram("pflogsumm");
        var all = await SummarizeAsync(_unlimited!.LogPath, cancellationToken);
        var limited = await SummarizeAsync(_limited!.LogPath, cancellationToken);

        Assert.That((all["delivered"], limited["delivered"]), Is.EqualTo((2 * Mails, 2 * Mails)));
        Assert.That((all["rejected"], limited["rejected"]), Is.EqualTo((Rejects, 10 + 1 + 2)));
    }

    [Test]
    public void Log_Flood_IsShorterAndWholeAboutWhoDelivers()
    {
        string[] friend = [.. _limited!.Log.About($"[{Friend}]").Texts];
        Assert.That(friend, Has.Length.EqualTo(3 * Mails));
        Assert.That(friend, Is.EquivalentTo(_unlimited!.Log.About($"[{Friend}]").Texts));
        Assert.That(_limited.Log.Texts, Has.Count.LessThan(2 * _unlimited.Log.Texts.Count / 3));
        var clients = _limited.Log.Texts.Select(text => SuppressedLine().Match(text)).Where(static match => match.Success)
            .ToDictionary(static match => match.Groups["client"].Value,
                static match => int.Parse(match.Groups["lines"].Value, CultureInfo.InvariantCulture));
        foreach (var client in new[] { Guesser, Reconnector, Scanner, Babbler, Clumsy })
        {
            var told = _limited.Log.About($"[{client}]").Texts.Count(static text => !SuppressedLine().IsMatch(text));
            Assert.That(told + clients.GetValueOrDefault($"unknown[{client}]"), Is.EqualTo(_unlimited.Log.About($"[{client}]").Texts.Count), client);
        }
    }

    private static async Task TrafficAsync(IPEndPoint server, CancellationToken cancellationToken)
    {
        await SessionAsync(Guesser,
            ["EHLO client.example", "MAIL FROM:<a@client.example>", .. Enumerable.Repeat("RCPT TO:<nosuch@example.test>", 40), "QUIT"]);
        for (var i = 0; i < 60; i++)
            await SessionAsync(Reconnector, []);
        for (var i = 0; i < 14; i++)
            await SessionAsync(Scanner, ["EHLO client.example"]);
        for (var i = 0; i < 14; i++)
            await SessionAsync(Babbler, ["EHLO client.example", .. Enumerable.Repeat("NOOP", 60)]);
        for (var i = 0; i < Mails; i++)
        {
            await SessionAsync(Friend,
                ["EHLO client.example", "MAIL FROM:<a@client.example>", "RCPT TO:<good@example.test>", "DATA", "Subject: x\r\n\r\nx\r\n.", "QUIT"]);
        }
        await SessionAsync(Clumsy, ["EHLO client.example", "MAIL FROM:<a@client.example>", .. Enumerable.Repeat("RCPT TO:<nosuch@example.test>", 2), "QUIT"]);

        async Task SessionAsync(string address, string[] commands)
        {
            await using var client = await RawSmtpClient.ConnectAsync(server, IPAddress.Parse(address), cancellationToken);
            if (!(await client.ReplyAsync(cancellationToken)).StartsWith("220", StringComparison.Ordinal))
                return;
            foreach (var command in commands)
            {
                if ((await client.CommandAsync(command, cancellationToken)).StartsWith("421", StringComparison.Ordinal))
                    break;
            }
        }
    }

    // The stock filter with the name of our daemon, in its modes, and the one of docs/tasks/use-fail2ban-and-pflogsumm.md. It acts on nothing.
    private (string Socket, OutsideProcess Server) StartFail2ban(IEnumerable<string> filters)
    {
        foreach (var name in new[] { "filter.d", "action.d" })
        {
            Directory.CreateDirectory(Path.Combine(_directory, name));
            foreach (var file in Directory.GetFiles($"/etc/fail2ban/{name}"))
                File.Copy(file, Path.Combine(_directory, name, Path.GetFileName(file)));
        }
        foreach (var file in Directory.GetFiles("/etc/fail2ban", "*.conf"))
            File.Copy(file, Path.Combine(_directory, Path.GetFileName(file)));
        File.WriteAllText(Path.Combine(_directory, "fail2ban.local"), "[Definition]\ndbfile = None\n");
        File.WriteAllText(Path.Combine(_directory, "filter.d", "smtpshield-limits.conf"), """
            [INCLUDES]
            before = common.conf

            [Definition]
            _daemon = (?:postfix|smtpshield)(?:/[\w.-]+)?/smtpd
            failregex = ^%(__prefix_line)swarning: Connection (?:rate|concurrency) limit exceeded: \d+ from [^[]*\[<HOST>\] for service \S+$

            """);
        var jails = from filter in filters
            from log in new[] { (Name: "all", _unlimited!.LogPath), (Name: "limited", LogPath: LogBeforeSummaries) }
            select $"""
                [{filter}-{log.Name}]
                enabled = true
                filter = {(filter == "limits" ? "smtpshield-limits" : $"postfix[mode={filter}]")}
                logpath = {log.LogPath}

                """;
        File.WriteAllText(Path.Combine(_directory, "jail.local"), $"""
            [DEFAULT]
            backend = polling
            usedns = no
            ignoreself = false
            ignoreip =
            action =

            {string.Join('\n', jails)}
            """);
        var socket = Path.Combine(_directory, "socket");
        return (socket, OutsideProcess.Start("fail2ban-server", ["-c", _directory, "-s", socket, "-p", Path.Combine(_directory, "pid"),
            "--logtarget", Path.Combine(_directory, "fail2ban.log"), "-f", "start"]));
    }

    private static string[] BannedBy(string socket, string jail)
    {
        using var client = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("fail2ban-client", ["-s", socket, "get", jail, "banned"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var output = client.StandardOutput.ReadToEnd();
        client.WaitForExit();
        return [.. Address().Matches(output).Select(static match => match.Value).Order(StringComparer.Ordinal)];
    }

    // Deliveries are in the MTA's log, refusals in the shield's.
    private async Task<Dictionary<string, int>> SummarizeAsync(string log, CancellationToken cancellationToken)
    {
        var together = Path.Combine(_directory, "together.log");
        var ofTheMta = (await File.ReadAllLinesAsync(_postfix!.LogPath, cancellationToken)).Where(line => !line.Contains("/smtpd[", StringComparison.Ordinal));
        await File.WriteAllLinesAsync(together, ofTheMta.Concat(await File.ReadAllLinesAsync(log, cancellationToken)), cancellationToken);
        var output = await OutsideProcess.RunSuccessfullyAsync("pflogsumm", ["--smtpd-stats", together], TimeSpan.FromSeconds(60), cancellationToken);
        TestContext.Out.WriteLine(output.Split("Per-")[0]);
        return Total().Matches(output).DistinctBy(static match => match.Groups["what"].Value)
            .ToDictionary(static match => match.Groups["what"].Value, static match => int.Parse(match.Groups["count"].Value, CultureInfo.InvariantCulture));
    }

    [GeneratedRegex(@"\d+\.\d+\.\d+\.\d+")]
    private static partial Regex Address();

    [GeneratedRegex(@"^ *(?<count>\d+) +(?<what>received|delivered|rejected)\b", RegexOptions.Multiline)]
    private static partial Regex Total();

    [GeneratedRegex(@"^suppressed (?<lines>\d+) log lines about (?<client>.*)$")]
    private static partial Regex SuppressedLine();
}
