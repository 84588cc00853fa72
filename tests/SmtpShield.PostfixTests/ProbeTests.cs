using SmtpShield.Testing.Outside;

namespace SmtpShield.PostfixTests;

/// <summary><c>smtpshield check --probe</c> before a real Postfix: what it finds of relaying and of logging in is what clients would.</summary>
[Parallelizable(ParallelScope.Self)]
public sealed class ProbeTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);
    private static readonly Dictionary<string, string> s_trusting = new() { ["mynetworks"] = "127.0.0.0/8" };
    private static readonly Dictionary<string, string> s_proxied = new() { ["mynetworks"] = "127.0.0.0/8", ["smtpd_upstream_proxy_protocol"] = "haproxy" };

    private PostfixInstance? _postfix;

    private PostfixInstance Postfix => _postfix ?? throw new InvalidOperationException("Postfix was not started");

    [OneTimeSetUp]
    public async Task StartPostfix()
    {
        RealPostfix.Require();
        _postfix = await PostfixInstance.StartAsync(
            [
                PostfixService.WithoutLimits("trusting", s_trusting),
                PostfixService.WithoutLimits("proxied", s_proxied),
                PostfixService.WithoutLimits("xclient", new Dictionary<string, string>(s_trusting) { ["smtpd_authorized_xclient_hosts"] = "127.0.0.1" }),
                PostfixService.WithoutLimits("open", new Dictionary<string, string>(s_proxied) { ["mynetworks"] = "0.0.0.0/0" }),
            ],
            TestContext.CurrentContext.CancellationToken);
    }

    [OneTimeTearDown]
    public async Task StopPostfix()
    {
        if (_postfix is not null)
            await _postfix.DisposeAsync();
    }

    // The commonest way to an open relay: the MTA trusts its own host, and takes everybody for it.
    [TestCase("trusting", "none", 1, "error: service smtp: shield_upstream: open relay through the shield: "
        + "{mta} takes mail from the shield's own address to smtpshield-probe@example.org")]
    [TestCase("proxied", "proxy-v1", 0, "note: service smtp: shield_upstream: {mta} refuses to relay for 192.0.2.1: 554 5.7.1 <smtpshield-probe@example.org>: "
        + "Relay access denied")]
    [TestCase("proxied", "proxy-v2", 0, "note: service smtp: shield_upstream: {mta} refuses to relay for 192.0.2.1: 554 5.7.1 <smtpshield-probe@example.org>: "
        + "Relay access denied")]
    [TestCase("xclient", "xclient", 0, "note: service smtp: shield_upstream: {mta} refuses to relay for 192.0.2.1: 554 5.7.1 <smtpshield-probe@example.org>: "
        + "Relay access denied")]
    [TestCase("open", "proxy-v2", 1, "error: service smtp: shield_upstream: open relay through the shield: "
        + "{mta} takes mail from 192.0.2.1 to smtpshield-probe@example.org")]
    [CancelAfter(120_000)]
    public async Task Check_Probe_FindsAnOpenRelay(string service, string handoff, int status, string line, CancellationToken cancellationToken)
    {
        var log = Postfix.LogOf(service).FromHere();
        var (exitCode, output) = await CheckAsync($"shield_upstream = {Postfix.EndPointOf(service)}\nshield_client_handoff = {handoff}\n", cancellationToken);

        Assert.That((exitCode, output), Is.EqualTo((status, output)));
        Assert.That(output, Does.Contain(line.Replace("{mta}", $"{Postfix.EndPointOf(service)}", StringComparison.Ordinal)));
        await log.WaitForDisconnectsAsync(2, cancellationToken);
        Assert.That(log.CommandsSeen(), Does.Not.ContainKey("data").And.Not.ContainKey("bdat").And.ContainKey("quit").WithValue(2),
            "two sessions, ended in order, without content");
    }

    [Test, CancelAfter(120_000)]
    public async Task Check_ProbeOfASubmissionServiceWithoutAuth_IsAnError(CancellationToken cancellationToken)
    {
        var (exitCode, output) = await CheckAsync(
            $"shield_services = submission\nsubmission/inet/shield_upstream = {Postfix.EndPointOf("proxied")}\nshield_client_handoff = "
                + "proxy-v2\nsmtpd_tls_security_level = none\n", cancellationToken);

        Assert.That((exitCode, output), Is.EqualTo((1, output)));
        Assert.That(output,
            Does.Contain($"error: service submission: shield_upstream: {Postfix.EndPointOf("proxied")} offers no AUTH: nobody can log in to submit mail"));
    }

    private static async Task<(int ExitCode, string Output)> CheckAsync(string text, CancellationToken cancellationToken)
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, $"shield_listen = 127.0.0.1:{LoopbackPorts.Take()}\n{text}", cancellationToken);
            return await ShieldProgram.RunAsync(["check", "--probe", "-c", file], s_limit, cancellationToken);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
