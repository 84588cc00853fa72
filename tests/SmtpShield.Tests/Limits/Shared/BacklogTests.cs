using System.Net;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Limits.Shared;
using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Sharing;

namespace SmtpShield.Tests.Limits.Shared;

/// <summary>More clients than exchanges can carry at once.</summary>
internal sealed class BacklogTests
{
    private const int Clients = 21_000;

    [Test]
    [Property("Sharing", "SHARE-23")]
    public async Task Backlog_OfClientsThatAreFarFromALimit_ComesBackToNothing()
    {
        var time = new FakeTimeProvider();
        var snapshot = new ShieldSnapshot(new() { Limits = new() { ClientMessageRateLimit = 1000 } });
        var table = TestAnvil.Table(snapshot, time);
        var exchange = new CounterExchange(table, table.Share(TestFarm.OneStore)[0], snapshot, time);
        await using var store = new InMemorySharedStore(time);
        await exchange.ExchangeAsync(store, leaves: false);
        for (var i = 0; i < Clients; i++)
            table.Connect(KeyOf(i));
        await DrainAsync();
        for (var i = 0; i < Clients; i++)
            table.Count(KeyOf(i), AnvilEvent.Message);
        Assert.That(exchange.Backlog, Is.EqualTo(Clients));

        var first = await exchange.ExchangeAsync(store, leaves: false);
        Assert.That((first.HasMore, exchange.Backlog), Is.EqualTo((false, Clients - CounterExchange.MostReports)), "they make no exchange begin at once");
        await DrainAsync();

        async Task DrainAsync()
        {
            for (var left = Clients / CounterExchange.MostReports * 2; left > 0 && exchange.Backlog > 0; left--)
                Assert.That((await exchange.ExchangeAsync(store, leaves: false)).Failure, Is.Null);
            Assert.That(exchange.Backlog, Is.Zero);
        }
    }

    private static AnvilKey KeyOf(int number) => new("smtp", ClientRange.Of(new IPAddress([10, 0, (byte)(number >> 8), (byte)number]), 32, 64));
}
