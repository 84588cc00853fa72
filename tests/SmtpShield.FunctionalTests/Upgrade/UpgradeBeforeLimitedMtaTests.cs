using System.Net;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Upgrade;

/// <summary>An MTA that may have few sessions sees no more of them while two processes of an upgrade have clients, and nobody is left without.</summary>
[Platform("Linux"), CancelAfter(180_000)]
internal sealed class UpgradeBeforeLimitedMtaTests
{
    private const int Limit = 2;
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    private ScriptedMta _mta = null!;
    private int _sessions;
    private int _most;

    [SetUp]
    public void StartMta()
    {
        (_sessions, _most) = (0, 0);
        _mta = new();
        _mta.Serve(ServeAsync);
    }

    [TearDown]
    public ValueTask StopMta() => _mta.DisposeAsync();

    [Test]
    public async Task Upgrade_AllSessionsInUse_GoFromOneProcessToTheOther(CancellationToken cancellationToken)
    {
        await using var shield = await StartAsync(cancellationToken);
        await using var first = await InTransactionAsync(shield, 1, cancellationToken);
        await using var second = await InTransactionAsync(shield, 2, cancellationToken);
        Assert.That((await shield.UpgradeAsync(cancellationToken)).Status, Is.EqualTo(200));

        // It is accepted by the new process, and waits there.
        await using var third = await RawSmtpClient.ConnectAsync(shield.EndPoint, AddressOf(3), cancellationToken);
        var greeting = third.ReplyAsync(cancellationToken);
        await HasWaitingAsync(shield, 1, cancellationToken);
        Assert.That((greeting.IsCompleted, _sessions), Is.EqualTo((false, Limit)));

        await QuitAsync(first, cancellationToken);
        Assert.That(await greeting, Does.StartWith("220 "));
        await BeginAsync(third, cancellationToken);
        await using var fourth = await RawSmtpClient.ConnectAsync(shield.EndPoint, AddressOf(4), cancellationToken);
        greeting = fourth.ReplyAsync(cancellationToken);
        await HasWaitingAsync(shield, 1, cancellationToken);
        Assert.That(greeting.IsCompleted, Is.False);
        await QuitAsync(second, cancellationToken);
        Assert.That(await greeting, Does.StartWith("220 "), "the old process has no session any more");

        await Eventually.HoldsAsync(() => shield.HasExited, s_limit, "the old process has ended", cancellationToken);
        Assert.That(_most, Is.EqualTo(Limit));
        await QuitAsync(third, cancellationToken);
        await QuitAsync(fourth, cancellationToken);
        await shield.StopSuccessorsAsync(cancellationToken);
    }

    [Test]
    public async Task Upgrade_IdleClientsAtTheOldProcess_AreAskedForTheirSessions(CancellationToken cancellationToken)
    {
        await using var shield = await StartAsync(cancellationToken);
        await using var first = await IntroducedAsync(shield, 1, cancellationToken);
        await using var second = await IntroducedAsync(shield, 2, cancellationToken);
        Assert.That((await shield.UpgradeAsync(cancellationToken)).Status, Is.EqualTo(200));

        // Those at the old process have nothing with the MTA that they would miss.
        await using var third = await InTransactionAsync(shield, 3, cancellationToken);
        await using var fourth = await InTransactionAsync(shield, 4, cancellationToken);
        Assert.That((_sessions, _most), Is.EqualTo((Limit, Limit)));

        // One of them wants it again: it waits at the old process, which asks the new one.
        var answer = first.CommandAsync("MAIL FROM:<a@client.example>", cancellationToken);
        await QuitAsync(third, cancellationToken);
        Assert.That(await answer, Does.StartWith("250 "));
        Assert.That(_most, Is.EqualTo(Limit));
        foreach (var client in (RawSmtpClient[])[first, second, fourth])
            await QuitAsync(client, cancellationToken);
        await shield.StopSuccessorsAsync(cancellationToken);
    }

    private static IPAddress AddressOf(int client) => IPAddress.Parse($"127.0.61.{client}");

    private static async Task<RawSmtpClient> IntroducedAsync(ShieldProcess shield, int client, CancellationToken cancellationToken)
    {
        var connection = await RawSmtpClient.ConnectAsync(shield.EndPoint, AddressOf(client), cancellationToken);
        Assert.That(await connection.ReplyAsync(cancellationToken), Does.StartWith("220 "));
        Assert.That(await connection.CommandAsync("EHLO client.example", cancellationToken), Does.StartWith("250-"));
        return connection;
    }

    private static async Task<RawSmtpClient> InTransactionAsync(ShieldProcess shield, int client, CancellationToken cancellationToken)
    {
        var connection = await IntroducedAsync(shield, client, cancellationToken);
        await EnvelopeAsync(connection, cancellationToken);
        return connection;
    }

    private static async Task BeginAsync(RawSmtpClient connection, CancellationToken cancellationToken)
    {
        Assert.That(await connection.CommandAsync("EHLO client.example", cancellationToken), Does.StartWith("250-"));
        await EnvelopeAsync(connection, cancellationToken);
    }

    // From the first recipient on its session is not the shield's to give to others.
    private static async Task EnvelopeAsync(RawSmtpClient connection, CancellationToken cancellationToken)
    {
        Assert.That(await connection.CommandAsync("MAIL FROM:<a@client.example>", cancellationToken), Does.StartWith("250 "));
        Assert.That(await connection.CommandAsync("RCPT TO:<b@example.test>", cancellationToken), Does.StartWith("250 "));
    }

    private static async Task QuitAsync(RawSmtpClient connection, CancellationToken cancellationToken) =>
        Assert.That(await connection.CommandAsync("QUIT", cancellationToken), Does.StartWith("221 "));

    private static async Task HasWaitingAsync(ShieldProcess shield, int clients, CancellationToken cancellationToken)
    {
        var said = "";
        await Eventually.HoldsAsync(async () =>
        {
            said = (await ControlHttp.AskAsync(shield.ControlSocket, HttpMethod.Get, "/v1/upstreams", cancellationToken)).Body;
            return said.Contains($"\"waiting\":{clients}", StringComparison.Ordinal);
        }, s_limit, () => $"{clients} clients wait: {said}", cancellationToken);
    }

    private Task<ShieldProcess> StartAsync(CancellationToken cancellationToken) => ShieldProcess.StartAsync(
        _mta.EndPoint,
        new Dictionary<string, string>
        {
            ["shield_upstream_session_limit"] = $"{Limit}",
            ["shield_upstream_reserve"] = "0",
            ["shield_upstream_connect"] = "connect",
            ["shield_upstream_probe_interval"] = "0",
            ["shield_upstream_queue_time"] = "120s",
            ["shield_drain_timeout"] = "300s",
        },
        cancellationToken);

    private async Task ServeAsync(MtaConnection connection)
    {
        var sessions = Interlocked.Increment(ref _sessions);
        int most;
        while ((most = Volatile.Read(ref _most)) < sessions && Interlocked.CompareExchange(ref _most, sessions, most) != most)
        {
        }

        try
        {
            await SayAsync("220 mta.example.test ESMTP");
            while (await connection.ReadLineAsync(CancellationToken.None) is { } line && !line.StartsWith("QUIT", StringComparison.Ordinal))
                await SayAsync(line.StartsWith("EHLO", StringComparison.Ordinal) ? "250-mta.example.test\r\n250 PIPELINING" : "250 2.0.0 Ok");
        }
        finally
        {
            // It ends for the shield with what follows.
            Interlocked.Decrement(ref _sessions);
        }

        await SayAsync("221 2.0.0 Bye");
        connection.EndSending();

        Task SayAsync(string reply) => connection.SendAsync(reply + "\r\n", CancellationToken.None);
    }
}
