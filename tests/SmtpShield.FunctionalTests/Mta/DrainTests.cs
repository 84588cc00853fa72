using System.Collections.Concurrent;
using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Mta;

/// <summary>MTAs that are taken out by hand, over sockets, with clients in all kinds of states.</summary>
[CancelAfter(60_000)]
internal sealed class DrainTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private readonly ConcurrentQueue<string> _quits = [];

    [Test, Property("Pool", "POOL-7")]
    public async Task Drain_ClientsInAllStates_EachLosesItAsSoonAsNothingDependsOnIt(CancellationToken cancellationToken)
    {
        await using var a = Serving("a");
        await using var b = Serving("b");
        await using var shield = await StartAsync(cancellationToken, a, b);
        var nameOfA = $"{a.EndPoint}";
        await using var data = await IntroducedAsync(shield, "a", cancellationToken);
        await using var idle = await IntroducedAsync(shield, "a", cancellationToken);
        await using var auth = await IntroducedAsync(shield, "a", cancellationToken);
        await SayAsync(data, cancellationToken, ("MAIL FROM:<a@x>", "250 a"), ("RCPT TO:<b@x>", "250 a"), ("DATA", "354 a"), ("x", null));
        await SayAsync(auth, cancellationToken, ("AUTH PLAIN AGEAYg==", "235 a"));
        var others = new Queue<RawSmtpClient>();
        for (var i = 0; i < 3; i++)
            others.Enqueue(await IntroducedAsync(shield, "b", cancellationToken));
        await using var waiting = await shield.ConnectAsync(cancellationToken);
        await UntilAsync(() => shield.Maintenance.Pictures().Any(static picture => picture.Waiting == 1), "one waits", cancellationToken);

        Assert.That(shield.Maintenance.Drain(nameOfA, "x"), Is.True);

        // The one that is idle does not need it any more, and what it had is for nobody else.
        await UntilAsync(() => shield.Maintenance.SessionsAt(nameOfA) == 2, "the idle one has left", cancellationToken);
        await UntilAsync(() => !_quits.IsEmpty, "it said so", cancellationToken);
        Assert.That((string.Join(' ', _quits), waiting.Unread()), Is.EqualTo(("a", "")));
        await LeaveAsync(others.Dequeue(), cancellationToken);
        Assert.That(await waiting.ReplyAsync(cancellationToken), Is.EqualTo("220 b"));
        await LeaveAsync(others.Dequeue(), cancellationToken);
        await SayAsync(idle, cancellationToken, ("MAIL FROM:<a@x>", "250 b"));
        await SayAsync(data, cancellationToken, (".", "250 a"));
        await UntilAsync(() => shield.Maintenance.SessionsAt(nameOfA) == 1, "so has the one behind its message", cancellationToken);
        await LeaveAsync(others.Dequeue(), cancellationToken);
        await SayAsync(data, cancellationToken, ("MAIL FROM:<a@x>", "250 b"));
        await SayAsync(auth, cancellationToken, ("MAIL FROM:<a@x>", "250 a"), ("RSET", "250 a"), ("NOOP", "250 a"));
        await UntilAsync(() => _quits.Count(static name => name == "a") == 2, "both said so", cancellationToken);

        Assert.That(shield.Maintenance.Ready(nameOfA, "x"), Is.True);
        await using var next = await IntroducedAsync(shield, "a", cancellationToken);
    }

    [Test, Property("Pool", "SEAM-32")]
    public async Task Drain_TheLastOneForAMoment_ClientsAreTold421AndServedAgain(CancellationToken cancellationToken)
    {
        await using var a = Serving("a");
        await using var shield = await StartAsync(cancellationToken, a);
        await using var idle = await IntroducedAsync(shield, "a", cancellationToken);
        await using var silent = await shield.ConnectAsync(cancellationToken);
        Assert.That(await silent.ReplyAsync(cancellationToken), Is.EqualTo("220 a"));

        shield.Maintenance.Drain($"{a.EndPoint}", "x");

        Assert.That(await silent.ReadToEndAsync(cancellationToken), Does.StartWith("421 4.3.2 "));
        await UntilAsync(() => shield.Maintenance.SessionsAt($"{a.EndPoint}") == 0, "nobody has a session", cancellationToken);
        await SayAsync(idle, cancellationToken, ("NOOP", "250 2.0.0 Ok"), ("MAIL FROM:<a@x>", "421 4.3.0 mail.example.com Error: mail server unavailable"));
        await using (var refused = await shield.ConnectAsync(cancellationToken))
            Assert.That(await refused.ReadToEndAsync(cancellationToken), Does.StartWith("421 4.3.0 "));
        shield.Maintenance.Ready($"{a.EndPoint}", "x");
        await using var next = await IntroducedAsync(shield, "a", cancellationToken);
        await SayAsync(next, cancellationToken, ("MAIL FROM:<a@x>", "250 a"));
    }

    private static Task<ShieldUnderTest> StartAsync(CancellationToken cancellationToken, params ScriptedMta[] mtas)
    {
        var options = ShieldUnderTest.Before(mtas);
        return ShieldUnderTest.StartAsync(
            options with
            {
                Upstream = options.Upstream with
                {
                    SessionLimit = 3, SessionReserve = 0, Policy = UpstreamPolicy.First, Connect = UpstreamConnect.Connect,
                },
            },
            cancellationToken);
    }

    private static async Task<RawSmtpClient> IntroducedAsync(ShieldUnderTest shield, string name, CancellationToken cancellationToken)
    {
        var client = await shield.ConnectAsync(cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo($"220 {name}"));
        await client.SendAsync("EHLO c.example\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Does.EndWith("AUTH PLAIN"));
        return client;
    }

    private static async Task SayAsync(RawSmtpClient client, CancellationToken cancellationToken, params (string Line, string? Reply)[] dialogue)
    {
        foreach (var (line, reply) in dialogue)
        {
            await client.SendAsync($"{line}\r\n", cancellationToken);
            if (reply is not null)
                Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo(reply), line);
        }
    }

    private static async Task LeaveAsync(RawSmtpClient client, CancellationToken cancellationToken)
    {
        await client.CommandAsync("QUIT", cancellationToken);
        await client.DisposeAsync();
    }

    private static Task UntilAsync(Func<bool> condition, string what, CancellationToken cancellationToken) =>
        Eventually.HoldsAsync(condition, s_patience, what, cancellationToken);

    // It accepts everything, and says its name.
    private ScriptedMta Serving(string name)
    {
        var mta = new ScriptedMta();
        mta.Serve(async connection =>
        {
            await connection.SendAsync($"220 {name}\r\n", CancellationToken.None);
            while (await connection.ReadLineAsync(CancellationToken.None) is { } line)
            {
                await connection.SendAsync(line.Split(' ')[0] switch
                {
                    "EHLO" => $"250-{name}\r\n250-ENHANCEDSTATUSCODES\r\n250 AUTH PLAIN\r\n",
                    "AUTH" => $"235 {name}\r\n",
                    "DATA" => $"354 {name}\r\n",
                    "QUIT" => $"221 {name}\r\n",
                    _ => $"250 {name}\r\n",
                }, CancellationToken.None);
                if (line == "DATA" && await connection.ReadThroughAsync("\r\n.\r\n", CancellationToken.None) is not null)
                    await connection.SendAsync($"250 {name}\r\n", CancellationToken.None);
                if (line != "QUIT")
                    continue;

                _quits.Enqueue(name);
                connection.Close();
                return;
            }
        });
        return mta;
    }
}
