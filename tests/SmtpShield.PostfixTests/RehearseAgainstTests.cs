using SmtpShield.Host.Commands;
using SmtpShield.Listening;
using SmtpShield.Testing.Outside;

namespace SmtpShield.PostfixTests;

/// <summary><c>smtpshield rehearse --against</c> comes to the same before a real Postfix as before the rehearsal's own mail server.</summary>
[CancelAfter(300_000)]
public sealed class RehearseAgainstTests
{
    private const string Recipient = "good@example.test";
    private const int NormalMails = 30;

    private PostfixInstance? _postfix;
    private string _path = "";

    [OneTimeSetUp]
    public async Task StartPostfix()
    {
        RealPostfix.Require();
        _path = Path.GetTempFileName();
        var authorized = new Dictionary<string, string> { ["smtpd_authorized_xclient_hosts"] = "127.0.0.1" };
        _postfix = await PostfixInstance.StartAsync(
            [PostfixService.WithoutLimits("plain"), PostfixService.WithoutLimits("told", authorized)], TestContext.CurrentContext.CancellationToken);
    }

    [OneTimeTearDown]
    public async Task StopPostfix()
    {
        File.Delete(_path);
        if (_postfix is not null)
            await _postfix.DisposeAsync();
    }

    [Test]
    public async Task Rehearse_AllAttacks_AreStoppedByWhatIsMeantForThem(CancellationToken cancellationToken)
    {
        // Two for each of 5,000 connections, a client's, and what else there is: a test machine may have no more.
        Assume.That(ProcessResources.OfThisProcess().Descriptors, Is.GreaterThan(17_500), "file descriptors (ulimit -n) for held-5000");

        var (status, output) = await RunAsync("plain", "smtpd_client_connection_rate_limit = 60\n", cancellationToken);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(status, Is.Zero, output);
            Assert.That(output, Does.StartWith($"the shield before {_postfix!.EndPointOf("plain")}, all on loopback"));
            Assert.That(output, Does.Match("(?m)^reconnect +10 +600/630 +15/15 +smtpd_client_connection_rate_limit$"));
            Assert.That(output, Does.Match("(?m)^slow-bdat +20 +20/20 +15/15 +smtpd_min_data_rate$"));
            Assert.That(output, Does.Match("(?m)^recipients +10 +960/1000 +15/15 +smtpd_soft_error_limit, smtpd_hard_error_limit$"));
            Assert.That(output, Does.Match("(?m)^held-5000 +500 +5000/5000 +15/15 +smtpd_timeout$"));
            Assert.That(output, Does.Not.Contain("was still going on"));
        }
    }

    [Test]
    public async Task Rehearse_LimitBelowWhatNormalClientsDo_NamesIt(CancellationToken cancellationToken)
    {
        var before = _postfix!.LogOf("told").FromHere();

        var (status, output) = await RunAsync(
            "told", "shield_client_handoff = xclient\nsmtpd_client_recipient_rate_limit = 100\n", cancellationToken, "--attack", "http");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(status, Is.EqualTo(RehearseCommand.HitsNormalTraffic), output);
            Assert.That(output, Does.Contain("\nerror: smtpd_client_recipient_rate_limit = 100 hits normal traffic\n"));
            Assert.That(output, Does.Match($"(?m)^none .* 26/{NormalMails} "), "two messages of each list, and all else");
            Assert.That(before.Texts, Has.Some.Match(@"client=unknown\[198\.18\.\d+\.1\]"), "it is told whose the connections are");
        }
    }

    private async Task<(int Status, string Output)> RunAsync(string service, string limits, CancellationToken cancellationToken, params string[] arguments)
    {
        // What a running shield has is not touched, nor its mail server.
        await File.WriteAllTextAsync(
            _path, $"shield_listen = 192.0.2.1:25\nshield_upstream = 192.0.2.2:25\nmyhostname = {PostfixInstance.HostName}\n{limits}", cancellationToken);
        using var output = new StringWriter { NewLine = "\n" };
        var status = await RehearseCommand.Create()
            .Parse(["-c", _path, "--against", $"{_postfix!.EndPointOf(service)}", "--to", Recipient, "--clients", "2", .. arguments])
            .InvokeAsync(new() { Output = output, Error = output }, cancellationToken);
        return (status, output.ToString());
    }
}
