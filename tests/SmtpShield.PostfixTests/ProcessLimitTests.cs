using System.Net;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.PostfixTests;

/// <summary>One session at a time and four clients: who waits, where, and what they see. The same test for Postfix and for the shield.</summary>
public sealed class ProcessLimitTests
{
    private static readonly IPAddress s_client = IPAddress.Parse("127.83.0.1");
    private static readonly Dictionary<string, string> s_one = new() { ["default_process_limit"] = "1" };

    [Test]
    [CancelAfter(120_000)]
    public async Task Connect_FourClientsWithLimitOneOfPostfix_WaitInTheListenQueue(CancellationToken cancellationToken)
    {
        RealPostfix.Require();
        RealPostfix.RequireProgram("ss");
        await using var postfix = await PostfixInstance.StartAsync([new PostfixService("one", new Dictionary<string, string>())], cancellationToken, s_one);
        await FourClientsAsync(postfix.EndPointOf("one"), cancellationToken);
    }

    [Test]
    [CancelAfter(120_000)]
    public async Task Connect_FourClientsWithLimitOne_WaitInTheListenQueue(CancellationToken cancellationToken)
    {
        RealPostfix.Require();
        RealPostfix.RequireProgram("ss");
        await using var postfix = await PostfixInstance.StartAsync([PostfixService.WithoutLimits("behind")], cancellationToken);
        await using var shield = await ShieldProcess.StartAsync(postfix.EndPointOf("behind"), s_one, cancellationToken);
        await FourClientsAsync(shield.EndPoint, cancellationToken);

        await shield.Log.WaitForDisconnectsAsync(4, cancellationToken);
        var warnings = shield.AllLines.Split('\n').Where(line => line.Contains("has reached its process limit", StringComparison.Ordinal)).ToArray();
        Assert.That(warnings, Has.Length.EqualTo(1), "Postfix writes this at most once in 1000 s");
        Assert.That(warnings[0],
            Does.Match(@"warning: service ""smtp"" \(.*\) has reached its process limit ""1"": new clients may experience noticeable delays$"));
        Assert.That(shield.AllLines, Does.Contain("warning: to avoid this condition, increase default_process_limit or reduce the service time per client"));
        Assert.That(shield.AllLines,
            Does.Match("warning: see https?://www.postfix.org/STRESS_README.html for examples of stress-adapting configuration settings"));
        Assert.That(shield.Log.SessionLines.Count(line => line.StartsWith("connect from", StringComparison.Ordinal)), Is.EqualTo(4));
        await shield.StopAsync(cancellationToken);
    }

    private static async Task FourClientsAsync(IPEndPoint server, CancellationToken cancellationToken)
    {
        await using var first = await RawSmtpClient.ConnectAsync(server, s_client, cancellationToken);
        Assert.That(await first.ReplyAsync(cancellationToken), Does.StartWith("220"));
        await using var second = await RawSmtpClient.ConnectAsync(server, s_client, cancellationToken);
        await using var third = await RawSmtpClient.ConnectAsync(server, s_client, cancellationToken);
        // The queue of a listen(1) takes two; whoever comes then is not answered by the kernel and tries again.
        var connecting = RawSmtpClient.ConnectAsync(server, s_client, cancellationToken);
        await Eventually.HoldsAsync(() => States(server).Contains("SYN-SENT") || States(server).Contains("SYN-RECV"), TimeSpan.FromSeconds(5),
            "the fourth client is not established", cancellationToken);
        Assert.That(connecting.IsCompleted, Is.False, "the fourth client is not established");
        Assert.That(States(server).Count(state => state == "ESTAB"), Is.EqualTo(3), "the three others are, at the client's end");
        Assert.That(second.Unread() + third.Unread(), Is.Empty, "who waits is not answered");

        Assert.That(await first.CommandAsync("QUIT", cancellationToken), Does.StartWith("221"));
        Assert.That(await second.ReplyAsync(cancellationToken), Does.StartWith("220"), "the second comes in when the first has left");
        Assert.That(third.Unread(), Is.Empty);
        await second.VanishAsync(reset: false);
        Assert.That(await third.ReplyAsync(cancellationToken), Does.StartWith("220"), "the third comes in when the second has gone");
        await using var fourth = await connecting;
        Assert.That(await third.CommandAsync("QUIT", cancellationToken), Does.StartWith("221"));
        Assert.That(await fourth.ReplyAsync(cancellationToken), Does.StartWith("220"), "the fourth comes in last");
        Assert.That(await fourth.CommandAsync("QUIT", cancellationToken), Does.StartWith("221"));
    }

    // The states of the clients' ends.
    private static string[] States(IPEndPoint server)
    {
        using var ss = System.Diagnostics.Process.Start(
            new System.Diagnostics.ProcessStartInfo("ss", ["-tan", "dst", $"{server.Address}:{server.Port}"]) { RedirectStandardOutput = true })!;
        var output = ss.StandardOutput.ReadToEnd();
        ss.WaitForExit();
        return [.. output.Split('\n').Skip(1).Where(line => line.Length > 0).Select(line => line.Split(' ')[0])];
    }
}
