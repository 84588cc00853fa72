using System.Net;
using System.Text.RegularExpressions;
using SmtpShield.Testing.Outside;

namespace SmtpShield.PostfixTests;

/// <summary>What operators do is in the log; programs that read Postfix's log find nothing in it that counts against a client.</summary>
[Parallelizable(ParallelScope.Self)]
[Property("Operations", "OPS-35")]
public sealed partial class ControlLogTests
{
    private static readonly string[] s_reasons =
    [
        "flood", "reject: RCPT from unknown[192.0.2.66]: 554 5.7.1", "warning: unknown[192.0.2.66]: SASL LOGIN authentication failed: x",
        "x\\nsmtpd[1]: lost connection after AUTH from unknown[192.0.2.66]", "NOQUEUE: reject: RCPT from unknown[192.0.2.66]: 550 5.1.1 <a@b>: User unknown",
        "too many errors after RCPT from unknown[192.0.2.66]", "improper command pipelining after EHLO from unknown[192.0.2.66]: x",
    ];

    private ShieldProcess? _shield;
    private string _log = "";

    [OneTimeSetUp]
    public async Task ChangeAsync()
    {
        var cancellationToken = TestContext.CurrentContext.CancellationToken;
        // These programs look for the name that Postfix has.
        _shield = await ShieldProcess.StartAsync(
            new IPEndPoint(IPAddress.Loopback, 9), new Dictionary<string, string> { ["syslog_name"] = "postfix" }, cancellationToken);
        foreach (var reason in s_reasons)
        {
            await AskAsync(HttpMethod.Post, "/v1/clients/192.0.2.66/release", $$"""{"for_s":60,"why":"{{reason}}"}""", cancellationToken);
            await AskAsync(HttpMethod.Post, "/v1/exemptions", $$"""{"prefix":"192.0.2.66","for_s":60,"why":"{{reason}}"}""", cancellationToken);
            await AskAsync(HttpMethod.Delete, "/v1/exemptions?prefix=192.0.2.66", "{}", cancellationToken);
            await AskAsync(HttpMethod.Delete, "/v1/exemptions?prefix=192.0.2.66", "{}", cancellationToken);
            await AskAsync(HttpMethod.Post, "/v1/clients/" + Uri.EscapeDataString(reason) + "/release", "{}", cancellationToken);
        }

        await AskAsync(HttpMethod.Post, "/v1/exemptions", """{"prefix":"192.0.2.66","for_s":1}""", cancellationToken);
        await Eventually.HoldsAsync(
            () => _shield.AllLines.Contains("control: the exemption of 192.0.2.66 has ended", StringComparison.Ordinal), TimeSpan.FromSeconds(30),
            "it has ended", cancellationToken);
        _log = _shield.LogPath + ".control";
        await File.WriteAllLinesAsync(
            _log,
            (await File.ReadAllLinesAsync(_shield.LogPath, cancellationToken)).Where(static line => line.Contains(": control: ", StringComparison.Ordinal)),
            cancellationToken);
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_shield is not null)
            await _shield.DisposeAsync();
    }

    [Test]
    public void Changes_OfAllKinds_AreALineEach()
    {
        var lines = File.ReadAllLines(_log);
        Assert.That(lines, Has.Length.EqualTo((5 * s_reasons.Length) + 2).And.All.Match(@" postfix/master\[\d+\]: control: [ -~]+$"));
        Assert.That(lines.Count(static line => line.Contains(" refused: ", StringComparison.Ordinal)), Is.EqualTo(2 * s_reasons.Length));
    }

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
    public async Task Fail2ban_StockFilter_FindsNothing(string filter, CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram("fail2ban-regex");
        var (_, output) = await OutsideProcess.RunAsync(
            "fail2ban-regex", ["--usedns", "no", _log, filter], TimeSpan.FromSeconds(100), cancellationToken);
        Assert.That(output, Does.Match($@"Lines: {(5 * s_reasons.Length) + 2} lines, \d+ ignored, 0 matched"));
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task Pflogsumm_Report_HasNoRejectsAndNoWarnings(CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram("pflogsumm");
        var output = await OutsideProcess.RunSuccessfullyAsync(
            "pflogsumm", ["--smtpd-stats", "--verbose-msg-detail", _log], TimeSpan.FromSeconds(60), cancellationToken);
        Assert.That(output, Does.Match(@"(?m)^ +0 +rejected \(0%\)$").And.Match(@"(?m)^ +0 +reject warnings$").And.Match(@"(?m)^Warnings: none$"));
        Assert.That(Reject().IsMatch(output), Is.True, output);
    }

    private async Task AskAsync(HttpMethod method, string resource, string json, CancellationToken cancellationToken) =>
        await ControlHttp.AskAsync(_shield!.ControlSocket, method, resource, cancellationToken, json);

    [GeneratedRegex("(?m)^message reject detail: none$")]
    private static partial Regex Reject();
}
