using SmtpShield.Clients;
using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Listening;

/// <summary>Two services in one shield: what each has of its own.</summary>
[CancelAfter(20_000)]
internal sealed class ServiceTests
{
    private const string Submission = "submission";

    private ScriptedMta _mta = null!;
    private ScriptedMta _submissionMta = null!;
    private ShieldUnderTest _shield = null!;

    private async Task StartAsync(Func<ShieldOptions, ShieldOptions> smtp, Func<ShieldOptions, ShieldOptions> submission, CancellationToken cancellationToken)
    {
        (_mta, _submissionMta) = (new(), new());
        var (first, second) = (smtp(ShieldUnderTest.Before(_mta)), submission(ShieldUnderTest.Before(_submissionMta)));
        _shield = await ShieldUnderTest.StartAsync(
            ShieldUnderTest.Before(_mta) with
            {
                Service = new() { Names = [ServiceOptions.DefaultName, Submission] },
                Services = new Dictionary<string, ShieldOptions> { [ServiceOptions.DefaultName] = first, [Submission] = second },
            },
            cancellationToken);
    }

    [TearDown]
    public async Task StopAsync()
    {
        await _shield.DisposeAsync();
        await _mta.DisposeAsync();
        await _submissionMta.DisposeAsync();
    }

    private Task<RawSmtpClient> ConnectAsync(string service, CancellationToken cancellationToken) =>
        RawSmtpClient.ConnectAsync(_shield.EndPointOf(service), System.Net.IPAddress.Loopback, cancellationToken);

    private async Task<(RawSmtpClient Client, MtaConnection Mta)> GreetAsync(string service, CancellationToken cancellationToken)
    {
        var client = await ConnectAsync(service, cancellationToken);
        var mta = await (service == Submission ? _submissionMta : _mta).AcceptAsync(cancellationToken);
        await mta.SendAsync($"220 {service} ESMTP\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo($"220 {service} ESMTP"));
        return (client, mta);
    }

    private int Counted(string service) => _shield.Anvil.Peek(new(service, ClientRange.Of(System.Net.IPAddress.Loopback, 32, 128))).ConnectionRate;

    [Test]
    public async Task Connect_ToEach_IsServedByItsOwnMta(CancellationToken cancellationToken)
    {
        await StartAsync(options => options, options => options, cancellationToken);
        var (smtp, _) = await GreetAsync(ServiceOptions.DefaultName, cancellationToken);
        var (submission, _) = await GreetAsync(Submission, cancellationToken);
        await smtp.DisposeAsync();
        await submission.DisposeAsync();
    }

    [Test]
    public async Task Connect_AboveTheLimitOfOne_IsRefusedThereOnlyAndLoggedWithItsName(CancellationToken cancellationToken)
    {
        await StartAsync(options => options, options => options with { Limits = options.Limits with { ClientConnectionRateLimit = 1 } }, cancellationToken);
        var (submission, _) = await GreetAsync(Submission, cancellationToken);
        await using (var refused = await ConnectAsync(Submission, cancellationToken))
            Assert.That(await refused.ReadToEndAsync(cancellationToken),
                Is.EqualTo("421 4.7.0 mail.example.com Error: too many connections from 127.0.0.1\r\n"));
        var (smtp, _) = await GreetAsync(ServiceOptions.DefaultName, cancellationToken);
        var (again, _) = await GreetAsync(ServiceOptions.DefaultName, cancellationToken);

        Assert.That(_shield.Log.Lines.Where(line => line.Contains("limit exceeded", StringComparison.Ordinal)),
            Is.EqualTo((string[])["Connection rate limit exceeded: 2 from unknown[127.0.0.1] for service submission"]));
        Assert.That((Counted(ServiceOptions.DefaultName), Counted(Submission)), Is.EqualTo((2, 2)));
        foreach (var client in (RawSmtpClient[])[submission, smtp, again])
            await client.DisposeAsync();
    }

    [Test]
    public async Task Command_AboveTheLimitOfOne_IsRefusedThereOnly(CancellationToken cancellationToken)
    {
        await StartAsync(options => options, options => options with { Limits = options.Limits with { ClientMessageRateLimit = 1 },
            Smtpd = options.Smtpd with { ForbidUnauthPipelining = false } }, cancellationToken);
        foreach (var service in (string[])[ServiceOptions.DefaultName, Submission])
        {
            var (client, mta) = await GreetAsync(service, cancellationToken);
            foreach (var command in (string[])["MAIL FROM:<a@x>", "RSET"])
            {
                await client.SendAsync($"{command}\r\n", cancellationToken);
                Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo(command));
                await mta.SendAsync("250 ok\r\n", cancellationToken);
                Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 ok"));
            }
            await client.SendAsync("MAIL FROM:<b@x>\r\n", cancellationToken);
            if (service == Submission)
                Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("450 4.7.1 Error: too much mail from 127.0.0.1"));
            else
                Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("MAIL FROM:<b@x>"));
            await client.DisposeAsync();
        }
    }

    [Test]
    public async Task Connect_AboveTheProcessLimitOfOne_WaitsThereOnlyAndOnlyItIsUnderStress(CancellationToken cancellationToken)
    {
        await StartAsync(
            options => options,
            options => options with
            {
                Listener = options.Listener with { DefaultProcessLimit = 1 },
                UnderStress = options with { Limits = options.Limits with { HardErrorLimit = 1 } },
            },
            cancellationToken);
        var (submission, submissionMta) = await GreetAsync(Submission, cancellationToken);
        await using var waiting = await ConnectAsync(Submission, cancellationToken);
        var (smtp, smtpMta) = await GreetAsync(ServiceOptions.DefaultName, cancellationToken);

        Assert.That(_submissionMta.HasWaiting, Is.False);
        Assert.That(_shield.Log.Lines, Has.One.Contains("service \"submission\" ("));
        foreach (var (client, mta, isOver) in ((RawSmtpClient, MtaConnection, bool)[])[(submission, submissionMta, true), (smtp, smtpMta, false)])
        {
            await client.SendAsync("FOO\r\n", cancellationToken);
            Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("FOO"));
            await mta.SendAsync("502 5.5.2 no\r\n", cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("502 5.5.2 no"));
            await client.SendAsync("NOOP\r\n", cancellationToken);
            if (isOver)
                Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("421 4.7.0 mail.example.com Error: too many errors"));
            else
                Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("NOOP"));
            await client.DisposeAsync();
        }

        // Its place is free now.
        await using var next = await _submissionMta.AcceptAsync(cancellationToken);
    }

    [Test]
    public async Task Stop_AfterSessions_StatisticsNameTheService(CancellationToken cancellationToken)
    {
        await StartAsync(options => options, options => options with { Limits = options.Limits with { ClientErrorRateLimit = 5 } }, cancellationToken);
        for (var session = 0; session < 2; session++)
        {
            var (client, mta) = await GreetAsync(Submission, cancellationToken);
            await client.SendAsync("FOO\r\n", cancellationToken);
            Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("FOO"));
            await mta.SendAsync("502 5.5.2 no\r\n", cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("502 5.5.2 no"));
            await client.DisposeAsync();
        }
        var (smtp, _) = await GreetAsync(ServiceOptions.DefaultName, cancellationToken);
        await smtp.DisposeAsync();
        await _shield.StopAsync(cancellationToken);

        var statistics = _shield.Log.Lines.Where(line => line.StartsWith("statistics: ", StringComparison.Ordinal))
            .Select(line => line.Split(" at ")[0]).ToList();
        Assert.That(statistics, Does.Contain("statistics: max connection rate 2/60s for (submission:127.0.0.1)")
            .And.Contain("statistics: max error rate 2/60s for (submission:127.0.0.1)").And.Contain("statistics: max cache size 2"));
    }

    [Test]
    public async Task Replace_ValueOfOne_IsInForceForItsNextSession(CancellationToken cancellationToken)
    {
        await StartAsync(options => options, options => options, cancellationToken);
        var (first, _) = await GreetAsync(Submission, cancellationToken);
        var current = _shield.Snapshot.Current;
        var own = current.Of(Submission);
        _shield.Snapshot.Replace(current with
        {
            Services = new Dictionary<string, ShieldOptions>(
                current.Services) { [Submission] = own with { Limits = own.Limits with { ClientConnectionCountLimit = 1 } } },
        });
        await using (var refused = await ConnectAsync(Submission, cancellationToken))
            Assert.That(await refused.ReplyAsync(cancellationToken), Does.StartWith("421 4.7.0 "));
        var (smtp, _) = await GreetAsync(ServiceOptions.DefaultName, cancellationToken);
        var (again, _) = await GreetAsync(ServiceOptions.DefaultName, cancellationToken);
        foreach (var client in (RawSmtpClient[])[first, smtp, again])
            await client.DisposeAsync();
    }

    [Test]
    public async Task Start_ServiceAndEndpointListedTwice_ListensOnce(CancellationToken cancellationToken)
    {
        (_mta, _submissionMta) = (new(), new());
        var endPoint = new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, LoopbackPorts.Take());
        var options = ShieldUnderTest.Before(_mta);
        _shield = await ShieldUnderTest.StartAsync(
            options with { Service = new() { Names = [ServiceOptions.DefaultName, ServiceOptions.DefaultName] },
                Listener = options.Listener with { Endpoints = [endPoint, endPoint] } },
            cancellationToken);
        var (client, _) = await GreetAsync(ServiceOptions.DefaultName, cancellationToken);
        await client.DisposeAsync();
    }
}
