using System.Net;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Host;

/// <summary>The log of the program itself: services can be told apart in it, and it has no lines of others.</summary>
[Platform("Linux"), CancelAfter(120_000)]
public sealed class ServiceNameTests
{
    private static readonly IPEndPoint s_nobody = new(IPAddress.Loopback, 9);

    // Postfix: -o syslog_name=postfix/submission in master.cf. What master says has master's name there, too.
    [Test]
    public async Task Log_ServicesWithNamesOfTheirOwn_AreToldApart(CancellationToken cancellationToken)
    {
        var submission = new IPEndPoint(IPAddress.Loopback, LoopbackPorts.Take());
        await using var shield = await ShieldProcess.StartAsync(
            s_nobody,
            new Dictionary<string, string>
            {
                ["shield_services"] = "smtp submission",
                ["submission/inet/shield_listen"] = $"{submission}",
                ["submission/inet/syslog_name"] = "postfix/submission",
                ["submission/inet/default_process_limit"] = "1",
            },
            cancellationToken);
        await GreetingAsync(shield.EndPoint, "127.0.0.21", cancellationToken);
        await GreetingAsync(submission, "127.0.0.22", cancellationToken);
        await shield.SaveAsync(new Dictionary<string, string> { ["submission/inet/syslog_name"] = "postfix/msa" }, cancellationToken);
        await Eventually.HoldsAsync(() => shield.AllLines.Contains("reload: submission/inet/syslog_name postfix/submission -> postfix/msa",
            StringComparison.Ordinal), TimeSpan.FromSeconds(30), "the reload", cancellationToken);
        await GreetingAsync(submission, "127.0.0.23", cancellationToken);
        await shield.StopAsync(cancellationToken);

        var lines = shield.AllLines;
        Assert.That(lines, Does.Contain($" smtpshield/smtpd[{shield.Id}]: connect from unknown[127.0.0.21]\n"));
        Assert.That(lines, Does.Contain($" postfix/submission/smtpd[{shield.Id}]: connect from unknown[127.0.0.22]\n"));
        Assert.That(lines, Does.Contain($" postfix/submission/smtpd[{shield.Id}]: disconnect from unknown[127.0.0.22]"));
        Assert.That(lines, Does.Contain($" postfix/msa/smtpd[{shield.Id}]: connect from unknown[127.0.0.23]\n"));
        Assert.That(lines, Does.Contain($" smtpshield/master[{shield.Id}]: warning: service \"submission\" ("));
        Assert.That(lines, Does.Contain($" smtpshield/anvil[{shield.Id}]: statistics: "));
    }

    // As under the unit: a user without a home directory, in a directory that is not its own; elsewhere a key ring would be made there without a word.
    [Test]
    public async Task Log_UserWithoutAHomeDirectory_HasNoForeignWarnings(CancellationToken cancellationToken)
    {
        if (!Environment.IsPrivilegedProcess || !OutsideProcess.IsInstalled("setpriv"))
            Assert.Ignore("Only root can become another user, by setpriv.");
        const string AsNobody = "chmod 711 . && touch maillog && chown nobody maillog && "
            + "exec setpriv --reuid=nobody --regid=nogroup --clear-groups env -u HOME DOTNET_EnableDiagnostics=0 \"$@\"";
        await using var shield = await ShieldProcess.StartAsync(s_nobody, new Dictionary<string, string>(), cancellationToken, ["sh", "-c", AsNobody, "sh"]);
        await GreetingAsync(shield.EndPoint, "127.0.0.24", cancellationToken);
        await shield.StopAsync(cancellationToken);
        Assert.That(shield.AllLines, Does.Not.Contain("key").And.Not.Contain("repository"));
    }

    private static async Task GreetingAsync(IPEndPoint server, string client, CancellationToken cancellationToken)
    {
        await using var connection = await RawSmtpClient.ConnectAsync(server, IPAddress.Parse(client), cancellationToken);
        Assert.That(await connection.ReplyAsync(cancellationToken), Does.StartWith("421 "));
    }
}
