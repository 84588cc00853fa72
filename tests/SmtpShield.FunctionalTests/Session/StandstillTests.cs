using SmtpShield.Options;

namespace SmtpShield.FunctionalTests.Session;

/// <summary>
/// The process stood still, and its clock is behind all time-outs before anything that has arrived was looked at: who has answered meanwhile was in time.
/// </summary>
[CancelAfter(30_000)]
internal sealed class StandstillTests : RelayFixture
{
    // How often what has arrived is still unknown to the session depends on the system's threads.
    private const int Times = 20;

    private static readonly TimeSpan s_standstill = TimeSpan.FromHours(1);

    protected override bool HasFakeTime => true;

    // Whoever is not waited for at the time has all of it: what was looked at in time is followed by the other one's turn.
    protected override ShieldOptions Configure(ShieldOptions options) => options with { Smtpd = options.Smtpd with { Timeout = s_standstill * 100 } };

    [Test]
    public async Task Reply_ThatHasArrivedBehindItsTimeout_IsRelayed([Values(1, 10, 1000)] int octets, CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        var reply = "250 " + new string('x', octets);
        for (var i = 0; i < Times; i++)
        {
            await client.SendAsync("NOOP\r\n", cancellationToken);
            Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("NOOP"));
            await mta.SendAsync(reply + "\r\n", cancellationToken);
            Time!.Advance(s_standstill);
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo(reply));
        }
    }

    [Test]
    public async Task MessageReply_ThatHasArrivedBehindItsTimeout_IsRelayed(CancellationToken cancellationToken)
    {
        for (var i = 0; i < Times; i++)
        {
            var (client, mta, _) = await BeginDataAsync(cancellationToken);
            await client.SendAsync("x\r\n.\r\n", cancellationToken);
            await mta.ReadThroughAsync("\r\n.\r\n", cancellationToken);
            await mta.SendAsync("250 queued\r\n", cancellationToken);
            Time!.Advance(s_standstill);
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 queued"));
            await client.VanishAsync(reset: false);
            mta.Close();
        }
    }

    [Test]
    public async Task Command_ThatHasArrivedBehindItsTimeout_IsServed(CancellationToken cancellationToken)
    {
        WaitForTheClientLess();
        var (client, mta) = await ConnectAsync(cancellationToken);
        for (var i = 0; i < Times; i++)
        {
            await client.SendAsync("NOOP\r\n", cancellationToken);
            Time!.Advance(s_standstill);
            Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("NOOP"));
            await mta.SendAsync("250 ok\r\n", cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 ok"));
        }
    }

    [Test]
    public async Task Nothing_HasArrived_TimeoutEndsTheSession(CancellationToken cancellationToken)
    {
        WaitForTheClientLess();
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "NOOP", "250 ok", cancellationToken);
        Time!.Advance(s_standstill);
        Assert.That(await client.ReadToEndAsync(cancellationToken), Does.StartWith("421 4.4.2"));
    }

    private void WaitForTheClientLess() => Reconfigure(static options => options with
    {
        Smtpd = options.Smtpd with { Timeout = TimeSpan.FromMinutes(5) },
        Upstream = options.Upstream with { ReplyTimeout = s_standstill * 100 },
    });
}
