using System.Collections.Concurrent;
using SmtpShield.Mta.Stress;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Control;

/// <summary>
/// A flood from one network has the MTA answer in nine seconds: the commands of the page find it, spare two mail servers that are busy too, and stop it.
/// </summary>
[Property("Operations", "J1"), Property("Operations", "OPS-48")]
internal sealed class SlowMailPageTests : JourneyFixture
{
    private const int Addresses = 250;

    // Connections that are made at the same time.
    private const int AtOnce = 16;
    private const string OfTheFlood = "MAIL FROM:<x@flood.example>";
    private const string OfAServer = "MAIL FROM:<a@c.example>";
    private static readonly string[] s_servers = ["192.0.2.7", "198.51.100.3"];

    private readonly TaskCompletionSource _isOver = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile TaskCompletionSource? _answer;
    private int _asked;

    private StressLevel Level => Shield.Upstreams.StressOf("smtp");

    [TearDown]
    public void Answer()
    {
        _isOver.TrySetResult();
        _answer?.TrySetResult();
    }

    [Test]
    public async Task Commands_OfThePage_StopTheFloodAndPrintWhatItSays(CancellationToken cancellationToken)
    {
        Serve("127.0.0.1:10025", AnswerAsync);
        // Nothing may end by the clock while the shield finds out how hard pressed the MTA is.
        await StartAsync("""
            anvil_rate_time_unit = 30m
            smtpd_client_connection_rate_limit = 60
            shield_upstream_connect = mail
            shield_upstream_session_limit = 30
            shield_upstream_queue_time = 1h
            shield_upstream_reply_timeout = 1h
            smtpd_timeout = 1h
            """, cancellationToken);
        Observe();
        AdvanceTo(3, 1, 0);
        foreach (var (server, messages) in s_servers.Zip((int[])[8, 6]))
        {
            for (var i = 0; i < messages; i++)
                await DeliverAsync(server, cancellationToken);
        }

        AdvanceTo(3, 2, 0);
        var flood = new List<RawSmtpClient>();
        for (var i = 1; i <= 25; i++)
        {
            flood.Add(await GreetedAsync($"203.0.113.{i}", cancellationToken));
            await SayAsync(flood[^1], cancellationToken, ("EHLO flood.example", 250));
            await flood[^1].SendAsync(OfTheFlood + "\r\n", cancellationToken);
        }

        await WhileTimePassesAsync(() => HasLogged("entering STRESS mode") && Level == StressLevel.Stressed, "the MTA is hard pressed", cancellationToken);
        AdvanceTo(3, 8, 0);
        var others = await StayAsync(static i => 16 + (i % 7), cancellationToken);
        await DeliverInAsync(TimeSpan.FromSeconds(9), cancellationToken);
        AdvanceTo(3, 8, 12);

        var looks = 0;
        await TypeAsync("docs/tasks/mail-is-slow.md", BeforeAsync, cancellationToken);

        async Task BeforeAsync(string command)
        {
            // The second time.
            if (command != "status" || ++looks != 2)
                return;
            _isOver.SetResult();
            foreach (var client in flood)
            {
                Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("250 "));
                await LeaveAsync(client, cancellationToken);
            }

            foreach (var client in others)
                await client.DisposeAsync();
            await UntilIdleAsync(cancellationToken);
            await WhileTimePassesAsync(() => HasLogged("leaving STRESS mode") && Level == StressLevel.None, "the MTA is at ease", cancellationToken);
            AdvanceTo(3, 15, 0);
            await KnockAsync(cancellationToken);
            await DeliverInAsync(TimeSpan.FromMilliseconds(30), cancellationToken);
            AdvanceTo(3, 15, 4);
        }
    }

    private async Task<string?> AnswerAsync(string line)
    {
        if (line == OfTheFlood)
            await _isOver.Task;
        if (line == OfAServer && _answer is { } answer)
        {
            Interlocked.Increment(ref _asked);
            await answer.Task;
        }

        return null;
    }

    // Each address of the network connects so often, is greeted, and stays.
    private async Task<IReadOnlyCollection<RawSmtpClient>> StayAsync(Func<int, int> times, CancellationToken cancellationToken)
    {
        var clients = new ConcurrentBag<RawSmtpClient>();
        await ForEachAddressAsync(
            async (i, address, token) =>
            {
                for (var left = times(i); left > 0; left--)
                    clients.Add(await GreetedAsync(address, token));
            },
            cancellationToken);
        return clients;
    }

    // Each address of the network comes again, and is refused.
    private async Task KnockAsync(CancellationToken cancellationToken)
    {
        var before = Shield.Drain.Connections;
        await ForEachAddressAsync(
            async (_, address, token) =>
            {
                await using var client = await ConnectAsync(address, token);
                Assert.That(await client.ReplyAsync(token), Does.StartWith("421 "));
            },
            cancellationToken);
        await UntilAsync(() => Shield.Drain.Connections == before, "they are gone", cancellationToken);
    }

    private static Task ForEachAddressAsync(Func<int, string, CancellationToken, Task> act, CancellationToken cancellationToken) => Parallel.ForEachAsync(
        Enumerable.Range(1, Addresses),
        new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken },
        async (i, token) => await act(i, $"203.0.113.{i}", token));

    // The servers have mail, and MAIL is answered so late.
    private async Task DeliverInAsync(TimeSpan took, CancellationToken cancellationToken)
    {
        (_answer, _asked) = (new(TaskCreationOptions.RunContinuationsAsynchronously), 0);
        var before = Shield.Drain.Connections;
        var clients = new List<RawSmtpClient>();
        foreach (var server in s_servers)
        {
            clients.Add(await GreetedAsync(server, cancellationToken));
            await SayAsync(clients[^1], cancellationToken, ("EHLO c.example", 250));
            await clients[^1].SendAsync(OfAServer + "\r\n", cancellationToken);
        }

        await UntilAsync(() => Volatile.Read(ref _asked) == clients.Count, "the MTA was asked", cancellationToken);
        Time.Advance(took);
        _answer.SetResult();
        foreach (var client in clients)
        {
            Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("250 "));
            await SayAsync(client, cancellationToken, ("RCPT TO:<b@example.com>", 250), ("DATA", 354), ("Subject: x\r\n\r\n.", 250));
            await LeaveAsync(client, cancellationToken);
        }

        await UntilAsync(() => Shield.Drain.Connections == before, "they are gone", cancellationToken);
    }

    // What a week has left: most clients connect once or twice in half an hour.
    private void Observe()
    {
        foreach (var line in (string[])["delivers 19 1:30000 2:14000 4:3000 6:1000 11:165 13:30 19:15", "other 240 1:9000 40:400 126:300"])
            Assert.That(Shield.Baselines.TryRestore($"smtp 20780 1800 smtpd_client_connection_rate_limit {line}"), Is.True);
    }
}
