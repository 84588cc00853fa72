using System.Net;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.PostfixTests;

/// <summary>Signals and saved files: how the running program is stopped and changed.</summary>
public sealed class ControlTests
{
    private static readonly IPAddress s_client = IPAddress.Parse("127.83.0.1");
    private PostfixInstance? _postfix;

    private PostfixInstance Postfix => _postfix ?? throw new InvalidOperationException("Postfix was not started");

    [OneTimeSetUp]
    public async Task StartPostfix()
    {
        RealPostfix.Require();
        _postfix = await PostfixInstance.StartAsync([PostfixService.WithoutLimits("behind")], TestContext.CurrentContext.CancellationToken);
    }

    [OneTimeTearDown]
    public async Task StopPostfix()
    {
        if (_postfix is not null)
            await _postfix.DisposeAsync();
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task Terminate_IdleSessionAndTransaction_OneIsToldTheOtherFinishes(CancellationToken cancellationToken)
    {
        await using var shield = await ShieldProcess.StartAsync(Postfix.EndPointOf("behind"), new Dictionary<string, string>(), cancellationToken);
        await using var idle = await RawSmtpClient.ConnectAsync(shield.EndPoint, s_client, cancellationToken);
        Assert.That(await idle.ReplyAsync(cancellationToken), Does.StartWith("220"));
        Assert.That(await idle.CommandAsync("EHLO client.example", cancellationToken), Does.StartWith("250"));
        await using var busy = await RawSmtpClient.ConnectAsync(shield.EndPoint, s_client, cancellationToken);
        Assert.That(await busy.ReplyAsync(cancellationToken), Does.StartWith("220"));
        foreach (var command in new[] { "EHLO client.example", "MAIL FROM:<a@client.example>", "RCPT TO:<box1@example.test>" })
            Assert.That(await busy.CommandAsync(command, cancellationToken), Does.StartWith("250"));
        Assert.That(await busy.CommandAsync("DATA", cancellationToken), Does.StartWith("354"));
        await busy.SendAsync("Subject: drained\r\n\r\n", cancellationToken);

        shield.Signal(OutsideProcess.Terminate);
        Assert.That(await idle.ReplyAsync(cancellationToken), Does.StartWith("421 4.3.2 mail.example.test"));
        Assert.That(await idle.ReadToEndAsync(cancellationToken), Is.Empty);
        await Eventually.HoldsAsync(() => !LoopbackPorts.IsListening(shield.EndPoint.Port), TimeSpan.FromSeconds(5),
            "nobody is let in any more", cancellationToken);
        Assert.That(await busy.CommandAsync("The end.\r\n.", cancellationToken), Does.StartWith("250 2.0.0 Ok: queued as"));
        Assert.That(await busy.ReplyAsync(cancellationToken), Does.StartWith("421 4.3.2 mail.example.test").Or.EqualTo("closed"));
        Assert.That(await shield.WaitForExitAsync(TimeSpan.FromSeconds(10), cancellationToken), Is.Zero);
        Assert.That(await Postfix.WaitForMessagesAsync("box1", 1, TimeSpan.FromSeconds(20), cancellationToken), Has.Count.EqualTo(1));
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task Terminate_TransactionThatDoesNotEnd_EndsAfterDrainTimeout(CancellationToken cancellationToken)
    {
        await using var shield = await ShieldProcess.StartAsync(
            Postfix.EndPointOf("behind"), new Dictionary<string, string> { ["shield_drain_timeout"] = "2s" }, cancellationToken);
        await using var busy = await RawSmtpClient.ConnectAsync(shield.EndPoint, s_client, cancellationToken);
        Assert.That(await busy.ReplyAsync(cancellationToken), Does.StartWith("220"));
        foreach (var command in new[] { "EHLO client.example", "MAIL FROM:<a@client.example>", "RCPT TO:<box2@example.test>" })
            Assert.That(await busy.CommandAsync(command, cancellationToken), Does.StartWith("250"));
        Assert.That(await busy.CommandAsync("DATA", cancellationToken), Does.StartWith("354"));
        await busy.SendAsync("Subject: never ends\r\n\r\n", cancellationToken);

        var start = TimeProvider.System.GetTimestamp();
        shield.Signal(OutsideProcess.Terminate);
        Assert.That(await busy.ReplyAsync(cancellationToken), Does.StartWith("421 4.3.2 mail.example.test"));
        Assert.That(await shield.WaitForExitAsync(TimeSpan.FromSeconds(20), cancellationToken), Is.Zero);
        Assert.That(TimeProvider.System.GetElapsedTime(start), Is.InRange(TimeSpan.FromSeconds(1.8), TimeSpan.FromSeconds(20)));
        Assert.That(Postfix.MessagesOf("box2"), Is.Empty);
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task Save_NewRateLimit_NextConnectionHasIt([Values] bool hangUp, CancellationToken cancellationToken)
    {
        await using var shield = await ShieldProcess.StartAsync(
            Postfix.EndPointOf("behind"), new Dictionary<string, string> { ["smtpd_client_connection_rate_limit"] = "1" }, cancellationToken);
        await using var running = await RawSmtpClient.ConnectAsync(shield.EndPoint, s_client, cancellationToken);
        Assert.That(await running.ReplyAsync(cancellationToken), Does.StartWith("220"));
        Assert.That(await GreetingAsync(shield, cancellationToken), Does.StartWith("421 4.7.0"));

        await shield.SaveAsync(new Dictionary<string, string> { ["smtpd_client_connection_rate_limit"] = "4" }, cancellationToken);
        if (hangUp)
            shield.Signal(OutsideProcess.HangUp);
        await Eventually.HoldsAsync(() => shield.AllLines.Contains("reload: smtpd_client_connection_rate_limit 1 -> 4", StringComparison.Ordinal),
            TimeSpan.FromSeconds(20), "the new limit is in force", cancellationToken);

        Assert.That(await GreetingAsync(shield, cancellationToken), Does.StartWith("220"), "the third connection, under the new limit");
        Assert.That(await GreetingAsync(shield, cancellationToken), Does.StartWith("220"), "the fourth");
        Assert.That(await GreetingAsync(shield, cancellationToken), Does.StartWith("421 4.7.0"), "the fifth: what was counted before is not forgotten");
        Assert.That(await running.CommandAsync("NOOP", cancellationToken), Does.StartWith("250"), "a running session goes on");
        await shield.StopAsync(cancellationToken);
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task Save_FileWithErrors_AllAreLoggedAndNothingChanges([Values] bool hangUp, CancellationToken cancellationToken)
    {
        await using var shield = await ShieldProcess.StartAsync(
            Postfix.EndPointOf("behind"), new Dictionary<string, string> { ["smtpd_client_connection_rate_limit"] = "2" }, cancellationToken);
        var lines = (await File.ReadAllLinesAsync(shield.MainCf, cancellationToken))
            .Where(line => !line.StartsWith("smtpd_client_connection_rate_limit", StringComparison.Ordinal)).ToList();
        lines.AddRange(
            ["smtpd_client_connection_rate_limit = 100", "smtpd_soft_error_limit = many", "# a comment", "smtpd_error_sleep_time = 3x", "no assignment"]);
        await File.WriteAllLinesAsync(shield.MainCf, lines, cancellationToken);
        if (hangUp)
            shield.Signal(OutsideProcess.HangUp);

        await Eventually.TryAsync(() => shield.AllLines.Contains("no assignment", StringComparison.Ordinal)
            && shield.AllLines.Contains("smtpd_error_sleep_time", StringComparison.Ordinal), TimeSpan.FromSeconds(5), cancellationToken);
        Assert.That(shield.AllLines, Does.Match($@"line {lines.IndexOf("smtpd_soft_error_limit = many") + 1}\b.*smtpd_soft_error_limit"));
        Assert.That(shield.AllLines, Does.Match($@"line {lines.IndexOf("smtpd_error_sleep_time = 3x") + 1}\b.*smtpd_error_sleep_time"));
        Assert.That(shield.AllLines, Does.Match($@"line {lines.IndexOf("no assignment") + 1}\b.*no assignment"));
        Assert.That(await GreetingAsync(shield, cancellationToken), Does.StartWith("220"));
        Assert.That(await GreetingAsync(shield, cancellationToken), Does.StartWith("220"));
        Assert.That(await GreetingAsync(shield, cancellationToken), Does.StartWith("421 4.7.0"), "the old limit holds");
        await shield.StopAsync(cancellationToken);
    }

    private static async Task<string> GreetingAsync(ShieldProcess shield, CancellationToken cancellationToken)
    {
        await using var client = await RawSmtpClient.ConnectAsync(shield.EndPoint, s_client, cancellationToken);
        return await client.ReplyAsync(cancellationToken);
    }
}
