using System.Net;
using System.Text.RegularExpressions;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.PostfixTests;

/// <summary>Programs that read Postfix's log read the shield's: for the same traffic they find the same.</summary>
[Parallelizable(ParallelScope.Self)]
public sealed partial class LogReaderTests
{
    private static readonly Dictionary<string, string> s_limits = new()
    {
        ["smtpd_client_connection_rate_limit"] = "6",
        ["smtpd_client_message_rate_limit"] = "3",
        ["smtpd_client_recipient_rate_limit"] = "4",
        ["smtpd_client_auth_rate_limit"] = "2",
        ["smtpd_hard_error_limit"] = "4",
        ["smtpd_timeout"] = "2s",
        ["smtpd_forbid_unauth_pipelining"] = "yes",
    };

    private PostfixInstance? _postfix;
    private ShieldProcess? _shield;
    private string _directory = "";

    private string PostfixLog => Path.Combine(_directory, "postfix.log");

    private string ShieldLog => Path.Combine(_directory, "shield.log");

    [OneTimeSetUp]
    public async Task MakeTraffic()
    {
        RealPostfix.Require();
        var cancellationToken = TestContext.CurrentContext.CancellationToken;
        _directory = Directory.CreateTempSubdirectory("smtpshield-logs-").FullName;
        _postfix = await PostfixInstance.StartAsync([PostfixService.WithoutLimits("behind"), new PostfixService("limited", s_limits)], cancellationToken);
        // These programs look for the name that Postfix has.
        _shield = await ShieldProcess.StartAsync(
            _postfix.EndPointOf("behind"),
            new Dictionary<string, string>(s_limits) { ["syslog_name"] = "postfix", ["shield_log_client_limit"] = ShieldProcess.OwnDefault },
            cancellationToken);
        await TrafficAsync(_postfix.EndPointOf("limited"), _postfix.LogOf("limited"), cancellationToken);
        await TrafficAsync(_shield.EndPoint, _shield.Log, cancellationToken);

        var lines = (await File.ReadAllLinesAsync(_postfix.LogPath, cancellationToken))
            .Where(line => line.Contains(" postfix/limited/smtpd[", StringComparison.Ordinal));
        // On a port of its own Postfix has another name for the service.
        await File.WriteAllLinesAsync(
            PostfixLog, lines.Select(line => ServiceName()
                .Replace(line.Replace(" postfix/limited/smtpd[", " postfix/smtpd[", StringComparison.Ordinal), "for service smtp")), cancellationToken);
        File.Copy(_shield.LogPath, ShieldLog);
    }

    [OneTimeTearDown]
    public async Task StopServers()
    {
        if (_shield is not null)
            await _shield.DisposeAsync();
        if (_postfix is not null)
            await _postfix.DisposeAsync();
        if (_directory.Length > 0)
            Directory.Delete(_directory, recursive: true);
    }

    [Test]
    public void SessionLines_SameTraffic_SameLines() =>
        Assert.That(_shield!.Log.SessionLines, Is.EqualTo(_postfix!.LogOf("limited").SessionLines).AsCollection);

    [Test]
    public void Rejects_SameTraffic_SameLines() =>
        Assert.That(_shield!.Log.Rejects, Is.EqualTo(_postfix!.LogOf("limited").Rejects).AsCollection);

    /// <summary>A message refused as a whole: the MTA's cleanup(8) logs it, and the shield as Postfix does before a proxy.</summary>
    [Test]
    public void ProxyRejects_RefusedMessage_OneLineOfTheShield() => Assert.Multiple(() =>
    {
        Assert.That(_postfix!.LogOf("limited").ProxyRejects, Is.Empty);
        Assert.That(_shield!.Log.ProxyRejects, Has.Count.EqualTo(1));
        Assert.That(_shield!.Log.ProxyRejects, Has.One.Match(
            @"^proxy-reject: END-OF-MESSAGE: 550 5\.7\.1 [^;]+; from=<a@client\.example> to=<good@example\.test> proto=ESMTP helo=<client\.example>$"));
    });

    /// <summary>The lines of each limit on what a client may do, with the counts in them.</summary>
    [Test]
    public void RateWarnings_SameTraffic_SameLines()
    {
        string[] shielded = [.. Warnings(_shield!.Log)];
        Assert.That(shielded, Is.EqualTo(Warnings(_postfix!.LogOf("limited")).Select(text => ServiceName().Replace(text, "for service smtp"))).AsCollection);
        foreach (var limit in new[] { "Connection rate", "Message delivery request rate", "Recipient address rate", "AUTH command rate" })
            Assert.That(shielded, Has.Some.StartsWith($"warning: {limit} limit exceeded: "));

        static IEnumerable<string> Warnings(MailLog log) => log.Texts.Where(text => text.StartsWith("warning: ", StringComparison.Ordinal));
    }

    [TestCase("postfix")]
    [TestCase("postfix[mode=auth]")]
    [TestCase("postfix[mode=errors]")]
    [TestCase("postfix[mode=ddos]")]
    [TestCase("postfix[mode=aggressive]")]
    [CancelAfter(120_000)]
    public async Task Fail2ban_StockFilter_FindsWhatItFindsInPostfixLog(string filter, CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram("fail2ban-regex");
        var expected = await FindAsync(PostfixLog, filter, cancellationToken);
        var actual = await FindAsync(ShieldLog, filter, cancellationToken);
        TestContext.Out.WriteLine($"{filter} finds {expected.Length} times: {string.Join(' ', expected.Distinct())}");
        Assert.That(actual, Is.EqualTo(expected).AsCollection);
        if (filter == "postfix")
            Assert.That(expected, Does.Contain("127.83.1.12"), "improper command pipelining");
        if (!filter.Contains("auth", StringComparison.Ordinal))
            Assert.That(expected, Is.Not.Empty);
    }

    /// <summary>Lines about operators, bans and values, whatever was written in them: nobody is punished for those.</summary>
    [TestCase("postfix")]
    [TestCase("postfix[mode=auth]")]
    [TestCase("postfix[mode=ddos]")]
    [TestCase("postfix[mode=aggressive]")]
    [CancelAfter(120_000)]
    public async Task Fail2ban_StockFilter_FindsNobodyInLinesOfTheControlPlane(string filter, CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram("fail2ban-regex");
        var templates = File.ReadLines(Repository.PathOf("docs/reference/log-lines.md")).Select(static line => ControlLine().Match(line))
            .Where(static match => match.Success).Select(static match => match.Groups["text"].Value).ToList();
        Assert.That(templates, Has.Count.GreaterThan(30));
        string[] values = ["5", "192.0.2.7", "unknown[192.0.2.7]", "x from unknown[192.0.2.7]: 550 5.7.1", "reject: RCPT from unknown[192.0.2.7]: 554 5.7.1"];
        var lines = values.SelectMany(value => templates.Select(text => Placeholder().Replace(text, value)))
            .SelectMany(static text => new[] { "smtpd", "master", "anvil" }.Select(process => $"Nov 29 03:16:48 mail postfix/{process}[7]: {text}")).ToList();
        var log = Path.Combine(_directory, $"control-{TestContext.CurrentContext.Test.ID}.log");
        await File.WriteAllLinesAsync(log, lines, cancellationToken);
        Assert.That(await FindAsync(log, filter, cancellationToken), Is.Empty);

        // It would be found.
        await File.AppendAllLinesAsync(log, await File.ReadAllLinesAsync(ShieldLog, cancellationToken), cancellationToken);
        Assert.That(await FindAsync(log, filter, cancellationToken), Has.Length.EqualTo((await FindAsync(ShieldLog, filter, cancellationToken)).Length));
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task Pflogsumm_Report_SameRejectsConnectionsAndWarnings(CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram("pflogsumm");
        var expected = await SummarizeAsync(PostfixLog, cancellationToken);
        // As in Postfix's log here, without master's lines: the report lists those.
        var smtpd = Path.Combine(_directory, "shield-smtpd.log");
        await File.WriteAllLinesAsync(smtpd, (await File.ReadAllLinesAsync(ShieldLog, cancellationToken))
            .Where(line => line.Contains(" postfix/smtpd[", StringComparison.Ordinal)), cancellationToken);
        var actual = await SummarizeAsync(smtpd, cancellationToken);
        TestContext.Out.WriteLine(expected);
        Assert.That(actual, Is.EqualTo(expected));
        foreach (var limit in new[] { "Connection rate", "Message delivery request rate", "Recipient address rate", "AUTH command rate" })
            Assert.That(expected, Does.Contain(limit + " limit exceeded"));
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task Logwatch_Report_SameAsOfPostfixLog(CancellationToken cancellationToken)
    {
        const string Script = "/usr/share/logwatch/scripts/services/postfix";
        if (!File.Exists(Script))
            Assert.Ignore("logwatch is not installed (tests/run installs it when it runs as root)");
        var expected = await WatchAsync(PostfixLog, static _ => true);
        Assert.That(await WatchAsync(ShieldLog, static line => !line.Contains("proxy-reject:", StringComparison.Ordinal)), Is.EqualTo(expected).AsCollection);
        Assert.That(expected, Has.Some.Contains("Reject unknown user"));
        Assert.That(expected, Has.Some.Contains("Connections lost (inbound)"));

        // A Postfix that refuses the message itself has no such line.
        Assert.That(await WatchAsync(ShieldLog, static line => line.Contains("proxy-reject:", StringComparison.Ordinal)),
            Has.Some.Contains("5xx Reject proxy"));

        async Task<string[]> WatchAsync(string log, Func<string, bool> isWanted)
        {
            var lines = Path.Combine(_directory, "logwatch.log");
            await File.WriteAllLinesAsync(lines, (await File.ReadAllLinesAsync(log, cancellationToken))
                .Where(line => line.Contains(" postfix/smtpd[", StringComparison.Ordinal) && isWanted(line)), cancellationToken);
            var output = await OutsideProcess.RunSuccessfullyAsync(
                "sh", ["-c", $"perl {Script} --detail 10 < {lines}"], TimeSpan.FromSeconds(60), cancellationToken);
            // Lines with equal counts come in no particular order, and who accepted a message is the MTA's line.
            return [.. output.Split('\n').Select(line => line.TrimEnd())
                .Where(line => line.Length > 0 && !line.Contains("accepted", StringComparison.OrdinalIgnoreCase)).Order(StringComparer.Ordinal)];
        }
    }

    /// <summary>What public Logstash patterns for Postfix's smtpd take a line apart into: each line of the kinds they know.</summary>
    [Test]
    public void LogstashPatterns_LinesOfSessions_AllMatch()
    {
        var lines = _shield!.Log.Texts.Where(text => KindOfLine().IsMatch(text)).ToArray();
        Assert.That(lines.Where(text => !LogstashLine().IsMatch(text)), Is.Empty);
        foreach (var kind in new[] { "connect from", "disconnect from", "timeout after", "NOQUEUE: reject:", "proxy-reject:", "improper command pipelining" })
            Assert.That(lines, Has.Some.StartsWith(kind));
    }

    private static async Task TrafficAsync(IPEndPoint server, MailLog log, CancellationToken cancellationToken)
    {
        var sessions = 0;
        await SessionAsync("127.83.1.1", ["EHLO client.example", "MAIL FROM:<a@client.example>", "RCPT TO:<nosuch@example.test>",
            "RCPT TO:<x@elsewhere.example>", "RCPT TO:<later@example.test>", "QUIT"]);
        await SessionAsync("127.83.1.2", ["EHLO client.example", "NONSENSE", "NONSENSE", "NONSENSE", "NONSENSE"]);
        await SessionAsync("127.83.1.3", ["EHLO client.example", "AUTH LOGIN", "AUTH PLAIN x"]);
        await SessionAsync("127.83.1.4", ["EHLO client.example", "MAIL FROM:<a@client.example>", "RCPT TO:<good@example.test>", "RCPT TO:<nosuch@example.test>",
            "DATA", "Subject: x\r\n\r\nx\r\n.", "QUIT"]);
        await SessionAsync("127.83.1.5", ["HELO client.example", "MAIL FROM:<>", "RCPT TO:<nosuch@example.test>"]);
        await SessionAsync("127.83.1.6",
            ["EHLO client.example", "MAIL FROM:<a@client.example>", "RCPT TO:<good@example.test>", "DATA", "Subject: x\r\n\r\nREFUSE-THIS-BODY\r\n.", "QUIT"]);
        await SessionAsync("127.83.1.7", ["EHLO client.example", "VRFY nosuch@example.test", "wait"]);
        for (var number = 1; number <= 8; number++)
            await SessionAsync("127.83.1.8", []);
        await SessionAsync("127.83.1.9",
            ["EHLO client.example", .. Enumerable.Repeat(new[] { "MAIL FROM:<a@client.example>", "RSET" }, 6).SelectMany(commands => commands), "QUIT"]);
        await SessionAsync("127.83.1.10",
            ["EHLO client.example", "MAIL FROM:<a@client.example>", .. Enumerable.Repeat("RCPT TO:<good@example.test>", 6), "VRFY good@example.test", "QUIT"]);
        await SessionAsync("127.83.1.11", ["EHLO client.example", "AUTH PLAIN AGEAYg==", "AUTH PLAIN AGEAYg=="]);
        await SessionAsync("127.83.1.11", ["EHLO client.example", "AUTH PLAIN AGEAYg==", "AUTH LOGIN", "QUIT"]);
        await SessionAsync("127.83.1.12", ["EHLO client.example\r\nNOOP", "wait"]);

        async Task SessionAsync(string address, string[] commands)
        {
            await using (var client = await RawSmtpClient.ConnectAsync(server, IPAddress.Parse(address), cancellationToken))
            {
                await client.ReplyAsync(cancellationToken);
                foreach (var command in commands)
                    _ = command == "wait" ? await client.ReadToEndAsync(cancellationToken) : await client.CommandAsync(command, cancellationToken);
            }
            await log.WaitForDisconnectsAsync(++sessions, cancellationToken);
        }
    }

    // The clients it finds, one for each line that counts against them.
    private static async Task<string[]> FindAsync(string log, string filter, CancellationToken cancellationToken)
    {
        var output = await OutsideProcess.RunSuccessfullyAsync("fail2ban-regex", ["--usedns", "no", "-o", "ip", log, filter],
            TimeSpan.FromSeconds(60), cancellationToken);
        return [.. output.Split('\n').Where(line => Address().IsMatch(line))];
    }

    // All that smtpd's lines give: queue manager and delivery are not in these logs. Times differ, and who accepted a message is the MTA's line.
    private static async Task<string> SummarizeAsync(string log, CancellationToken cancellationToken)
    {
        var output = await OutsideProcess.RunSuccessfullyAsync("pflogsumm", ["--smtpd-stats", "--verbose-msg-detail", log],
            TimeSpan.FromSeconds(60), cancellationToken);
        var sections = SectionTitle().Split("\n" + output);
        var wanted = sections.Where(section => WantedSection().IsMatch(section)).Select(section => Durations().Replace(section, "").TrimEnd());
        var totals = output.Split('\n').Where(line => line.Contains("rejected (", StringComparison.Ordinal) || line.Contains("reject warnings",
            StringComparison.Ordinal) || line.EndsWith(" connections", StringComparison.Ordinal) || line.EndsWith("hosts/domains", StringComparison.Ordinal));
        // Lines with equal counts come in no particular order.
        return string.Join('\n', totals.Concat(wanted.SelectMany(section => section.Split('\n'))).Order(StringComparer.Ordinal));
    }

    [GeneratedRegex(@"^\d+\.\d+\.\d+\.\d+$")]
    private static partial Regex Address();

    [GeneratedRegex(@"\n(?=\S[^\n]*\n-+\n)")]
    private static partial Regex SectionTitle();

    [GeneratedRegex(@"^(message reject detail|message reject warning detail|message hold detail|message discard detail|smtp delivery "
        + @"failures|Warnings|Fatal Errors|Panics)")]
    private static partial Regex WantedSection();

    [GeneratedRegex(@"^\| 2[123]\d\d \| \w+ \| \w+ \| `(?<text>[^`]+)`")]
    private static partial Regex ControlLine();

    [GeneratedRegex(@"\{\w+\}")]
    private static partial Regex Placeholder();

    [GeneratedRegex(@"for service \S+$")]
    private static partial Regex ServiceName();

    [GeneratedRegex(@"^(connect from|disconnect from|lost connection|timeout after|improper command|[0-9A-Za-z]+: reject|(\w+: )?proxy-reject)")]
    private static partial Regex KindOfLine();

    [GeneratedRegex("""
        ^(
            (dis)?connect\ from\ (?<client>[\w.-]*\[[0-9a-f.:]+\])(\ ([a-z]+=\d+(/\d+)?\ )*commands=\d+(/\d+)?)?
          | (lost\ connection|timeout)\ after\ (?<stage>[A-Z-]+)(\ \(\d+\ bytes\))?\ from\ (?<client>[\w.-]*\[[0-9a-f.:]+\])
          | improper\ command\ pipelining\ after\ (?<stage>[A-Z-]+)\ from\ (?<client>[\w.-]*\[[0-9a-f.:]+\]):\ .*
          | NOQUEUE:\ reject:\ (?<stage>[A-Z-]+)\ from\ (?<client>[\w.-]*\[[0-9a-f.:]+\]):\ (?<code>\d{3})\ (?<enhanced>\d\.\d+\.\d+)\ .*;\ [a-z]+=[^;]*
          | proxy-reject:\ (?<stage>[A-Z-]+):\ (?<code>\d{3})\ (?<enhanced>\d\.\d+\.\d+)\ .*;\ [a-z]+=[^;]*
        )$
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.ExplicitCapture)]
    private static partial Regex LogstashLine();

    [GeneratedRegex(@"\d+:\d\d:\d\d")]
    private static partial Regex Durations();
}
