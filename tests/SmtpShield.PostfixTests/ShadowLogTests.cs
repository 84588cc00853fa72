using System.Net;
using System.Text;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.PostfixTests;

/// <summary>
/// The program with all limits in shadow, beside one with all of them off, before one Postfix: clients are told the same, octet by octet, and what the log says
/// besides no program takes for something that happened.
/// </summary>
[Parallelizable(ParallelScope.Self)]
public sealed class ShadowLogTests
{
    private static readonly Dictionary<string, string> s_limits = new()
    {
        ["smtpd_client_connection_rate_limit"] = "6",
        ["smtpd_client_message_rate_limit"] = "3",
        ["smtpd_client_recipient_rate_limit"] = "4",
        ["smtpd_client_auth_rate_limit"] = "2",
        ["shield_client_error_rate_limit"] = "4",
        ["smtpd_hard_error_limit"] = "4",
        ["smtpd_soft_error_limit"] = "2",
        ["smtpd_junk_command_limit"] = "3",
        ["smtpd_helo_required"] = "yes",
        ["smtpd_forbidden_commands"] = "NONSENSE",
        ["syslog_name"] = "postfix",
        ["shield_shadow"] = "all",
    };

    private static readonly Dictionary<string, string> s_off = new()
    {
        ["smtpd_client_connection_count_limit"] = "0",
        ["smtpd_hard_error_limit"] = "1000000",
        ["smtpd_soft_error_limit"] = "1000000",
        ["smtpd_junk_command_limit"] = "1000000",
        ["smtpd_recipient_limit"] = "1000000",
        ["smtpd_forbid_unauth_pipelining"] = "no",
        ["smtpd_forbidden_commands"] = "",
        ["syslog_name"] = "postfix",
    };

    private PostfixInstance? _postfix;
    private string _log = "";
    private string _told = "";
    private string _toldInShadow = "";
    private int _lines;

    [OneTimeSetUp]
    public async Task MakeTraffic()
    {
        RealPostfix.Require();
        var cancellationToken = TestContext.CurrentContext.CancellationToken;
        _postfix = await PostfixInstance.StartAsync([PostfixService.WithoutLimits("behind")], cancellationToken);
        await using (var off = await ShieldProcess.StartAsync(_postfix.EndPointOf("behind"), s_off, cancellationToken))
            _told = await TrafficAsync(off, cancellationToken);

        await using var shadow = await ShieldProcess.StartAsync(_postfix.EndPointOf("behind"), s_limits, cancellationToken);
        _toldInShadow = await TrafficAsync(shadow, cancellationToken);
        // Then its log is whole.
        await shadow.StopAsync(cancellationToken);
        var lines = (await File.ReadAllLinesAsync(shadow.LogPath, cancellationToken))
            .Where(static line => line.Contains("(shadow)", StringComparison.Ordinal)).ToArray();
        (_log, _lines) = (Path.GetTempFileName(), lines.Length);
        await File.WriteAllLinesAsync(_log, lines, cancellationToken);
    }

    [OneTimeTearDown]
    public async Task StopServers()
    {
        if (_log.Length > 0)
            File.Delete(_log);
        if (_postfix is not null)
            await _postfix.DisposeAsync();
    }

    [Test]
    [Property("Operations", "OPS-14")]
    public void Clients_AllLimitsInShadow_AreToldWhatTheyAreWithAllOff() => Assert.That(_toldInShadow, Is.EqualTo(_told).And.Contains("250 2.0.0 Ok: queued"));

    [TestCase("Connection rate limit exceeded (shadow): 7 from unknown[127.83.2.8] for service smtp")]
    [TestCase("Message delivery request rate limit exceeded (shadow): 4 from unknown[127.83.2.9] for service smtp")]
    [TestCase("Recipient address rate limit exceeded (shadow): 5 from unknown[127.83.2.10] for service smtp")]
    [TestCase("AUTH command rate limit exceeded (shadow): 3 from unknown[127.83.2.11] for service smtp")]
    [TestCase("Error rate limit exceeded (shadow): 5 from unknown[127.83.2.13] for service smtp")]
    [TestCase("non-SMTP command (shadow) from unknown[127.83.2.2]: NONSENSE")]
    [TestCase("improper command pipelining (shadow) after EHLO from unknown[127.83.2.12]")]
    [TestCase("too many errors (shadow) after RCPT from unknown[127.83.2.1]")]
    public void Lines_OfEachKind_AreThere(string line) =>
        Assert.That(File.ReadAllLines(_log), Has.Some.Match($@" postfix/smtpd\[\d+\]: {System.Text.RegularExpressions.Regex.Escape(line)}$"));

    [TestCase("postfix")]
    [TestCase("postfix[mode=auth]")]
    [TestCase("postfix[mode=errors]")]
    [TestCase("postfix[mode=ddos]")]
    [TestCase("postfix[mode=rbl]")]
    [TestCase("postfix[mode=normal]")]
    [TestCase("postfix[mode=more]")]
    [TestCase("postfix[mode=extra]")]
    [TestCase("postfix[mode=aggressive]")]
    [CancelAfter(120_000)]
    [Property("Operations", "OPS-17")]
    public async Task Fail2ban_StockFilter_FindsNothing(string filter, CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram("fail2ban-regex");
        var (_, output) = await OutsideProcess.RunAsync(
            "fail2ban-regex", ["--usedns", "no", _log, filter], TimeSpan.FromSeconds(100), cancellationToken);
        Assert.That(output, Does.Match($@"Lines: {_lines} lines, \d+ ignored, 0 matched"));
    }

    [Test]
    [CancelAfter(60_000)]
    [Property("Operations", "OPS-17")]
    public async Task Pflogsumm_Report_HasNoRejectsAndNoWarnings(CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram("pflogsumm");
        var output = await OutsideProcess.RunSuccessfullyAsync(
            "pflogsumm", ["--smtpd-stats", "--verbose-msg-detail", _log], TimeSpan.FromSeconds(60), cancellationToken);
        Assert.That(output, Does.Match(@"(?m)^ +0 +rejected \(0%\)$").And.Match(@"(?m)^ +0 +reject warnings$").And.Match(@"(?m)^Warnings: none$"));
    }

    private static async Task<string> TrafficAsync(ShieldProcess shield, CancellationToken cancellationToken)
    {
        var told = new StringBuilder();
        await SessionAsync(1, ["EHLO c", "MAIL FROM:<a@client.example>", .. Enumerable.Repeat("RCPT TO:<nosuch@example.test>", 5), "QUIT"]);
        await SessionAsync(2, ["EHLO c", "NONSENSE", "NONSENSE", "QUIT"]);
        await SessionAsync(4, ["EHLO c", "MAIL FROM:<a@client.example>", "RCPT TO:<good@example.test>", "DATA", "Subject: x\r\n\r\nx\r\n.", "QUIT"]);
        await SessionAsync(5, ["MAIL FROM:<a@client.example>", "RSET", "EHLO c", .. Enumerable.Repeat("NOOP", 6), "QUIT"]);
        for (var i = 0; i < 8; i++)
            await SessionAsync(8, ["QUIT"]);
        await SessionAsync(9, ["EHLO c", .. Enumerable.Repeat(new[] { "MAIL FROM:<a@client.example>", "RSET" }, 5).SelectMany(static one => one), "QUIT"]);
        await SessionAsync(10, ["EHLO c", "MAIL FROM:<a@client.example>", .. Enumerable.Repeat("RCPT TO:<good@example.test>", 6), "QUIT"]);
        await SessionAsync(11, ["EHLO c", "AUTH PLAIN AGEAYg==", "AUTH PLAIN AGEAYg==", "AUTH PLAIN AGEAYg==", "QUIT"]);
        await SessionAsync(12, ["EHLO c\r\nNOOP", "", "QUIT"]);
        for (var i = 0; i < 3; i++)
            await SessionAsync(13, ["EHLO c", "MAIL FROM:<a@client.example>", "RCPT TO:<nosuch@example.test>", "RCPT TO:<nosuch@example.test>", "QUIT"]);
        return told.ToString();

        async Task SessionAsync(int number, string[] commands)
        {
            await using var client = await RawSmtpClient.ConnectAsync(shield.EndPoint, IPAddress.Parse($"127.83.2.{number}"), cancellationToken);
            told.AppendLine(await client.ReplyAsync(cancellationToken));
            foreach (var command in commands)
            {
                var reply = command.Length > 0 ? await client.CommandAsync(command, cancellationToken) : await client.ReplyAsync(cancellationToken);
                // The queue's number is another each time.
                told.Append(number).Append(' ').AppendLine(reply.Contains("queued as", StringComparison.Ordinal) ? "250 2.0.0 Ok: queued" : reply);
            }

            told.AppendLine(await client.ReadToEndAsync(cancellationToken));
        }
    }
}
