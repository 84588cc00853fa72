using SmtpShield.Host.Commands;
using SmtpShield.Listening;

namespace SmtpShield.FunctionalTests.Host;

/// <summary><c>smtpshield rehearse</c> says which limit hits normal traffic, and judges what is in shadow.</summary>
[TestFixture]
[CancelAfter(120_000)]
public sealed class RehearseCommandTests
{
    // What a running shield has, and a rehearsal must not touch: none of it is there.
    private const string Elsewhere = """
        shield_listen = 192.0.2.1:25
        shield_upstream = 192.0.2.2:25
        shield_client_handoff = proxy-v2
        shield_state_directory = /nowhere/state
        shield_control_socket = /nowhere/control.sock
        shield_shared_store = redis://192.0.2.3:6379
        shield_shared_user = shield
        maillog_file = /nowhere/maillog
        myhostname = mail.example.com

        """;

    private string _path = "";

    [SetUp]
    public void MakeFile() => _path = Path.GetTempFileName();

    [TearDown]
    public void RemoveFile() => File.Delete(_path);

    // The limit and nothing else, although what is refused makes errors, and what a running shield has is not there.
    [Test]
    public async Task Rehearse_LimitBelowWhatNormalClientsDo_NamesItAndTouchesNothingElse(CancellationToken cancellationToken)
    {
        var (status, output) = await RunAsync("smtpd_client_auth_rate_limit = 1\n", cancellationToken, "--attack", "http");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(status, Is.EqualTo(RehearseCommand.HitsNormalTraffic), output);
            Assert.That(output, Does.Contain("note: shield_shared_store is ignored"));
            Assert.That(Lines(output, "error: "), Is.EqualTo(
            [
                "error: smtpd_client_auth_rate_limit = 1 hits normal traffic",
                "error: without an attack 2 of the clients user were told: 450 4.7.1 Error: too many AUTH commands from 198.18.3.1 (to AUTH)",
                "error: under http 1 of the clients user was told: 450 4.7.1 Error: too many AUTH commands from 198.18.11.1 (to AUTH)",
            ]));
        }
    }

    [Test]
    public async Task Rehearse_LimitInShadow_RefusesNobodyAndIsNamed(CancellationToken cancellationToken)
    {
        var (status, output) = await RunAsync("shield_shadow = smtpd_client_connection_rate_limit=3\n", cancellationToken, "--attack", "http");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(status, Is.EqualTo(RehearseCommand.HitsNormalTraffic), output);
            Assert.That(Lines(output, "error: "), Is.EqualTo(["error: smtpd_client_connection_rate_limit = 3 in shadow would hit normal traffic"]));
            Assert.That(output, Does.Match("(?m)^none .* 30/30 ").And.Match("(?m)^http .* 15/15 "));
        }
    }

    [Test]
    public async Task Rehearse_WhatInitWrites_HitsNoNormalClient(CancellationToken cancellationToken)
    {
        InitCommand.Create().Parse(["-o", _path, "--force"]).Invoke(new() { Output = TextWriter.Null, Error = TextWriter.Null });

        var (status, output) = await RunAsync(null, cancellationToken, "--attack", "passwords");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(status, Is.Zero, output);
            Assert.That(output, Does.Match(@"(?m)^shield_client_auth_failure_rate_limit +10\(shadow\) +[1-9][0-9]* +0 +would stop passwords$"));
        }
    }

    // Behind EHLO these clients need no session of the mail server's, which here is one more socket for each.
    private const string LateDial = "shield_upstream_connect = mail\n";

    private static readonly string[] s_crowd = ["--attack", "slow-bdat", "--attack", "never-read", "--attack", "held-5000", "--attack", "mix"];

    [Test]
    public async Task Rehearse_AttacksOfManyKinds_EachIsStoppedByWhatIsMeantForIt(CancellationToken cancellationToken)
    {
        RequireDescriptors();

        var (status, output) = await RunAsync(LateDial, cancellationToken, s_crowd);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(status, Is.Zero, output);
            Assert.That(output, Does.Match(@"(?m)^slow-bdat +20 +20/20 +15/15 +smtpd_min_data_rate$"));
            Assert.That(output, Does.Match(@"(?m)^never-read +20 +20/20 +15/15 +smtpd_soft_error_limit, smtpd_hard_error_limit, smtpd_recipient_limit$"));
            Assert.That(output, Does.Match(@"(?m)^held-5000 +500 +5000/5000 +15/15 +smtpd_timeout$"));
            Assert.That(output, Does.Match(@"(?m)^mix +35 .* 15/15 +smtpd_client_connection_count_limit, .*smtpd_timeout, shield_request_deadline$"));
            Assert.That(output, Does.Not.Contain("was still going on"));
        }
    }

    [Test]
    public async Task Rehearse_LimitBelowWhatNormalClientsDo_IsFoundBesideEachOfThem(CancellationToken cancellationToken)
    {
        RequireDescriptors();

        var (status, output) = await RunAsync(LateDial + "smtpd_client_connection_count_limit = 4\n", cancellationToken, s_crowd);

        Assert.That(status, Is.EqualTo(RehearseCommand.HitsNormalTraffic), output);
        Assert.That(Lines(output, "error: ").Select(static line => line.Split(':')[1].Trim().Split(" of the")[0]), Is.EqualTo(
        [
            "smtpd_client_connection_count_limit = 4 hits normal traffic", "without an attack 2", "under mix 1", "under slow-bdat 1", "under never-read 1",
            "under held-5000 1",
        ]));
    }

    [Test]
    public async Task Rehearse_WithAnAddressElsewhere_Refuses(CancellationToken cancellationToken)
    {
        var (status, output) = await RunAsync("", cancellationToken, "--against", "192.0.2.1:25", "--to", "a@example.com");

        Assert.That((status, output), Is.EqualTo((1, output)).And.Matches<(int, string Output)>(
            static result => result.Output.Contains("--against: a loopback address and a port", StringComparison.Ordinal)));
    }

    private static void RequireDescriptors() =>
        Assume.That(ProcessResources.OfThisProcess().Descriptors, Is.GreaterThan(17_500), "file descriptors (ulimit -n) for held-5000");

    private static IEnumerable<string> Lines(string output, string beginning) =>
        output.Split('\n').Where(line => line.StartsWith(beginning, StringComparison.Ordinal));

    private async Task<(int Status, string Output)> RunAsync(string? limits, CancellationToken cancellationToken, params string[] arguments)
    {
        if (limits is not null)
            await File.WriteAllTextAsync(_path, Elsewhere + limits, cancellationToken);
        using var output = new StringWriter { NewLine = "\n" };
        var status = await RehearseCommand.Create().Parse(["-c", _path, "--clients", "2", .. arguments])
            .InvokeAsync(new() { Output = output, Error = output }, cancellationToken);
        return (status, output.ToString());
    }
}
