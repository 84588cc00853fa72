using System.CommandLine;
using System.Net;
using System.Text.RegularExpressions;
using SmtpShield.Host.Commands;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.PostfixTests;

/// <summary>Several services: as Postfix has them, and as they become by an import from a Postfix that runs.</summary>
public sealed class ServiceTests
{
    private static readonly IPAddress s_client = IPAddress.Parse("127.83.7.1");
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    [SetUp]
    public void Require() => RealPostfix.Require();

    [Test]
    [CancelAfter(60_000)]
    public async Task Connect_ToTwoServicesWithRatesOfTheirOwn_RefusedAndLoggedAsByPostfix(CancellationToken cancellationToken)
    {
        await using var postfix = await PostfixInstance.StartAsync(
            [
                PostfixService.WithoutLimits("behind"),
                new PostfixService("one", new Dictionary<string, string> { ["smtpd_client_connection_rate_limit"] = "2" }),
                new PostfixService("two", new Dictionary<string, string> { ["smtpd_client_connection_rate_limit"] = "3" }),
            ],
            cancellationToken);
        var second = new IPEndPoint(IPAddress.Loopback, LoopbackPorts.Take());
        await using var shield = await ShieldProcess.StartAsync(
            postfix.EndPointOf("behind"),
            new Dictionary<string, string>
            {
                ["shield_services"] = "smtp submission",
                ["submission/inet/shield_listen"] = second.ToString(),
                ["smtpd_client_connection_rate_limit"] = "2",
                ["submission/inet/smtpd_client_connection_rate_limit"] = "3",
            },
            cancellationToken);

        var expected = await ConnectAsync(postfix.EndPointOf("one"), postfix.EndPointOf("two"), cancellationToken);
        var actual = await ConnectAsync(shield.EndPoint, second, cancellationToken);
        Assert.That(actual, Is.EqualTo(expected).AsCollection);
        Assert.That(actual.Count(reply => reply.StartsWith("421 ", StringComparison.Ordinal)), Is.EqualTo(3));
        // Then its log is whole.
        await shield.StopAsync(cancellationToken);

        string[] LimitLines(MailLog log, string service, string written) =>
            [.. log.Texts.Where(text => text.Contains("limit exceeded", StringComparison.Ordinal) && text.EndsWith(service, StringComparison.Ordinal))
                .Select(text => text.Replace(service, written, StringComparison.Ordinal))];
        foreach (var (service, name) in ((string, string)[])[("one", "smtp"), ("two", "submission")])
        {
            var lines = LimitLines(postfix.LogOf(service), $"for service {postfix.EndPointOf(service)}", $"for service {name}");
            Assert.That(lines, Is.Not.Empty);
            Assert.That(LimitLines(shield.Log, $"for service {name}", $"for service {name}"), Is.EqualTo(lines).AsCollection);
        }

        static async Task<List<string>> ConnectAsync(IPEndPoint one, IPEndPoint two, CancellationToken cancellationToken)
        {
            var replies = new List<string>();
            for (var number = 0; number < 4; number++)
            {
                foreach (var server in (IPEndPoint[])[one, two])
                {
                    await using var client = await RawSmtpClient.ConnectAsync(server, s_client, cancellationToken);
                    replies.Add(await client.ReplyAsync(cancellationToken));
                }
            }
            return replies;
        }
    }

    [Test]
    [CancelAfter(120_000)]
    public async Task Import_FromARunningPostfix_MailFlowsThroughBothServicesAndPostfixSeesTheClient(CancellationToken cancellationToken)
    {
        await using var postfix = await PostfixInstance.StartAsync(
            [new PostfixService("smtp", new Dictionary<string, string>()),
                new PostfixService("submission", new Dictionary<string, string> { ["smtpd_client_message_rate_limit"] = "2" })],
            cancellationToken);
        var (smtp, submission) = (postfix.EndPointOf("smtp"), postfix.EndPointOf("submission"));
        var directory = postfix.ConfigurationDirectory;
        // Named by the port alone, so that they are not services of this host only.
        var master = Path.Combine(directory, "master.cf");
        await File.WriteAllTextAsync(master, Regex.Replace(await File.ReadAllTextAsync(master, cancellationToken), "^127.0.0.1:([0-9]+) inet", "$1 inet",
            RegexOptions.Multiline), cancellationToken);

        using var output = new StringWriter();
        Assert.That(ImportCommand.Create().Parse([directory]).Invoke(new InvocationConfiguration { Output = output, Error = TextWriter.Null }), Is.Zero);
        // The ports from 10025 on may be others' here.
        var text = output.ToString().Replace("127.0.0.1:10025", $"127.0.0.1:{LoopbackPorts.Take()}", StringComparison.Ordinal)
            .Replace("127.0.0.1:10026", $"127.0.0.1:{LoopbackPorts.Take()}", StringComparison.Ordinal);
        var commands = text.Split('\n').Where(line => line.StartsWith("#$ ", StringComparison.Ordinal)).Select(line => line[3..])
            .Where(line => !line.StartsWith("smtpshield ", StringComparison.Ordinal) && !line.StartsWith("systemctl ", StringComparison.Ordinal));
        await OutsideProcess.RunSuccessfullyAsync("sh", ["-ec", $"PATH=$PATH:/usr/sbin\n{string.Join('\n', commands)}"], s_limit, cancellationToken);
        await Eventually.HoldsAsync(() => !LoopbackPorts.IsListening(smtp.Port) && !LoopbackPorts.IsListening(submission.Port), s_limit,
            "Postfix has moved", cancellationToken);

        var file = Path.Combine(directory, "shield.cf");
        var log = Path.Combine(directory, "shield.log");
        await File.WriteAllTextAsync(file, $"{text}\nmaillog_file = {log}\n", cancellationToken);
        await using var shield = ShieldProgram.Start(["run", "-c", file]);
        await Eventually.HoldsAsync(() => shield.HasExited || LoopbackPorts.AreListening([smtp.Port, submission.Port]), s_limit,
            "the shield listens", cancellationToken);
        Assert.That(shield.HasExited, Is.False, shield.Output);

        foreach (var (server, box) in ((IPEndPoint, string)[])[(smtp, "box1"), (submission, "box2")])
        {
            await using var client = await RawSmtpClient.ConnectAsync(server, s_client, cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("220 mail.example.test"));
            foreach (var command in (string[])["EHLO client.example", "MAIL FROM:<a@client.example>", $"RCPT TO:<{box}@example.test>"])
                Assert.That(await client.CommandAsync(command, cancellationToken), Does.StartWith("250"));
            Assert.That(await client.CommandAsync("DATA", cancellationToken), Does.StartWith("354"));
            await client.SendAsync("Subject: x\r\n\r\nx\r\n.\r\n", cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("250 2.0.0 Ok: queued"));
            var stored = await StoredMessage.ReadAsync((await postfix.WaitForMessagesAsync(box, 1, s_limit, cancellationToken)).Single(), cancellationToken);
            Assert.That(stored, Is.Not.Empty);
            Assert.That(await client.CommandAsync("RCPT TO:<x@elsewhere.example>", cancellationToken), Does.StartWith("503"));
            Assert.That(await client.CommandAsync("MAIL FROM:<a@client.example>", cancellationToken), Does.StartWith("250"));
            Assert.That(await client.CommandAsync("RCPT TO:<x@elsewhere.example>", cancellationToken), Does.StartWith("554 5.7.1 "), "no relay");
            Assert.That(await client.CommandAsync("QUIT", cancellationToken), Does.StartWith("221"));
        }

        // Postfix's own words about its client.
        foreach (var name in (string[])[$"shielded/{smtp.Port}", $"shielded/{submission.Port}"])
        {
            await postfix.LogOfName(name).WaitForAsync(static texts => texts.Contains("connect from unknown[127.83.7.1]")
                && texts.Any(static text => text.Contains("reject: RCPT from unknown[127.83.7.1]: 554 5.7.1", StringComparison.Ordinal)),
                "its own words", cancellationToken);
        }

        await using (var limited = await RawSmtpClient.ConnectAsync(submission, s_client, cancellationToken))
        {
            await limited.ReplyAsync(cancellationToken);
            await limited.CommandAsync("EHLO client.example", cancellationToken);
            Assert.That(await limited.CommandAsync("MAIL FROM:<a@client.example>", cancellationToken),
                Is.EqualTo("450 4.7.1 Error: too much mail from 127.83.7.1"));
        }
        shield.Signal(OutsideProcess.Terminate);
        await shield.WaitForExitAsync(s_limit, cancellationToken);
        Assert.That(await File.ReadAllTextAsync(log, cancellationToken),
            Does.Contain($"Message delivery request rate limit exceeded: 3 from unknown[127.83.7.1] for service {submission.Port}"));
    }
}
