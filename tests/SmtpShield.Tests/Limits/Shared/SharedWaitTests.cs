using SmtpShield.Limits;
using SmtpShield.Limits.Shared;
using SmtpShield.Options;

namespace SmtpShield.Tests.Limits.Shared;

/// <summary>Events that wait for what other shields count, in the modes in which they do.</summary>
internal sealed class SharedWaitTests
{
    private static readonly AnvilKey _client = TestFarm.KeyOf("192.0.2.7");

    [TestCase(SharingMode.Async, 51, 250)]
    [TestCase(SharingMode.Near, 50, 66)]
    [TestCase(SharingMode.Strict, 50, 50)]
    [Property("Sharing", "SHARE-4")]
    public async Task Burst_AtFiveShields_LetsInNoMoreThanItsModePromises(SharingMode mode, int least, int most)
    {
        await using var farm = new TestFarm(5, Options(mode, 50));
        await farm.SettleAsync();
        var random = new Random(4);
        var letIn = 0;
        List<(TestShield Shield, SharedWait Wait)> waiting = [];
        for (var i = 0; i < 3000; i++)
        {
            farm.Time.Advance(TimeSpan.FromMilliseconds(1));
            var shield = farm.Shields[random.Next(5)];
            var counts = shield.Table.Connect(_client, out var wait);
            if (wait is not null)
                waiting.Add((shield, wait));
            else if (counts.ConnectionRate <= 50)
                letIn++;

            // Those who wait make their shields' exchanges begin, one a round trip; the others begin when their time has come.
            if (waiting.Count > 0 && i % 2 == 0)
                await waiting[random.Next(waiting.Count)].Shield.ExchangeAsync(farm.Store);
            if (i % 100 == 99)
                await farm.PassAsync(TimeSpan.FromMilliseconds(1));
            letIn += waiting.Count(static one => IsOver(one.Wait) && one.Wait.Counts.ConnectionRate <= 50);
            waiting.RemoveAll(static one => IsOver(one.Wait));
        }

        await farm.SettleAsync();
        letIn += waiting.Count(static one => one.Wait.Counts.ConnectionRate <= 50);
        Assert.That(waiting.TrueForAll(static one => IsOver(one.Wait)), "all are answered");
        Assert.That(letIn, Is.InRange(least, most));
    }

    [Test]
    [Property("Sharing", "SHARE-5")]
    public async Task Events_OfOneClientInOneExchange_AreJudgedOneByOne()
    {
        await using var farm = new TestFarm(2, Options(SharingMode.Strict, 5));
        await farm.SettleAsync();
        var table = farm.Shields[0].Table;
        table.Connect(_client);
        List<SharedWait> waits = [];
        for (var i = 1; i <= 16; i++)
        {
            var count = table.Count(_client, AnvilEvent.Message, out var wait);
            Assert.That(wait, i <= 5 ? Is.Not.Null : Is.Null, $"event {i}: what is refused anyway waits for nobody");
            Assert.That(count, Is.EqualTo(i));
            if (wait is not null)
                waits.Add(wait);
        }

        Assert.That(waits.TrueForAll(static wait => !IsOver(wait)));
        await farm.Shields[0].ExchangeAsync(farm.Store);
        Assert.That(waits.Select(static wait => wait.Counts.Of(AnvilEvent.Message)), Is.EqualTo((int[])[1, 2, 3, 4, 5]));
        Assert.That(waits.TrueForAll(IsOver));
        Assert.That((table.SharedWaits.Answered, table.SharedWaits.Late, table.SharedWaits.Away), Is.EqualTo((5, 0, 0)));
    }

    [Test]
    public async Task Wait_BehindOthersOfAnotherShield_HasTheSumOfBoth()
    {
        await using var farm = new TestFarm(2, Options(SharingMode.Strict, 5));
        await farm.SettleAsync();
        var (one, other) = (farm.Shields[0], farm.Shields[1]);
        one.Table.Connect(_client, out var first);
        other.Table.Connect(_client, out var second);
        await one.ExchangeAsync(farm.Store);
        await other.ExchangeAsync(farm.Store);
        Assert.That((first!.Counts, second!.Counts), Is.EqualTo((new AnvilCounts(1, 1), new AnvilCounts(2, 2))));
    }

    [Test]
    public async Task Wait_InNearMode_IsForThoseThatAllShieldsTogetherCouldLetInTooOften()
    {
        await using var farm = new TestFarm(2, Options(SharingMode.Near, 20));
        await farm.SettleAsync();
        var table = farm.Shields[0].Table;
        var waits = Enumerable.Range(1, 21).Where(_ =>
        {
            table.Connect(_client, out var wait);
            return wait is not null;
        }).ToList();
        Assert.That(waits, Is.EqualTo(Enumerable.Range(5, 16)), "from a quarter of the limit to the limit, with two shields");
    }

    [Test]
    public async Task Wait_ForAnEventWithoutALimit_IsNone()
    {
        await using var farm = new TestFarm(2, new ShieldOptions
        {
            Limits = new() { ClientConnectionCountLimit = 0, ClientMessageRateLimit = 5 },
            Sharing = new() { Mode = SharingMode.Strict },
        });
        await farm.SettleAsync();
        farm.Shields[0].Table.Connect(_client, out var connection);
        farm.Shields[0].Table.Count(_client, AnvilEvent.Recipient, out var recipient);
        farm.Shields[0].Table.Count(_client, AnvilEvent.Message, out var message);
        Assert.That((connection, recipient, message is null), Is.EqualTo(((SharedWait?)null, (SharedWait?)null, false)));
    }

    [Test]
    [Property("Sharing", "SHARE-13")]
    public async Task Store_ThatTakesLongerThanATenthOfASecond_IsNotWaitedForUntilItAnswers()
    {
        await using var farm = new TestFarm(1, Options(SharingMode.Strict, 5));
        await farm.SettleAsync();
        var shield = farm.Shields[0];
        var store = new SlowStore(farm.Store);
        shield.Table.Connect(_client, out var wait);
        var exchange = shield.Exchange.ExchangeAsync(store, leaves: false);
        farm.Time.Advance(CounterExchange.WaitPatience - TimeSpan.FromMilliseconds(1));
        Assert.That(IsOver(wait!), Is.False);
        farm.Time.Advance(TimeSpan.FromMilliseconds(1));
        await wait!.WhenOverAsync();
        Assert.That(wait.Counts, Is.EqualTo(new AnvilCounts(1, 1)));
        shield.Table.Connect(_client, out var next);
        Assert.That(next, Is.Null, "it is away");
        var waits = shield.Table.SharedWaits;
        Assert.That((waits.Answered, waits.Late, waits.Away), Is.EqualTo((0, 1, 1)));

        store.Answers.SetResult();
        Assert.That((await exchange).Failure, Is.Null, "a late answer is one");
        shield.Table.Connect(_client, out next);
        Assert.That(next, Is.Not.Null);
    }

    [Test]
    public async Task Exchange_ThatFails_LetsGoWhoWaits()
    {
        await using var farm = new TestFarm(1, Options(SharingMode.Strict, 5));
        await farm.SettleAsync();
        var shield = farm.Shields[0];
        shield.Table.Connect(_client, out var wait);
        shield.IsCutOff = true;
        await shield.ExchangeAsync(farm.Store);
        Assert.That(IsOver(wait!));
        shield.Table.Connect(_client, out wait);
        Assert.That(wait, Is.Null);
    }

    [Test]
    public async Task Sharing_ThatStops_LetsGoWhoWaits()
    {
        await using var farm = new TestFarm(1, Options(SharingMode.Strict, 5));
        await farm.SettleAsync();
        farm.Shields[0].Table.Connect(_client, out var wait);
        farm.Shields[0].Table.StopSharing();
        Assert.That(IsOver(wait!));
    }

    private static bool IsOver(SharedWait wait) => !wait.TryWait(static () => { });

    private static ShieldOptions Options(SharingMode mode, int limit) => new()
    {
        Limits = new() { ClientConnectionCountLimit = 0, ClientConnectionRateLimit = limit, ClientMessageRateLimit = limit },
        Sharing = new() { Mode = mode },
    };

    private sealed class SlowStore(IStorePartition store) : IStorePartition
    {
        public TaskCompletionSource Answers { get; } = new();

        public Task<EntryAnswer> TellAsync(EntryCall call) => store.TellAsync(call);

        public async Task<ExchangeAnswer?> ExchangeAsync(ExchangeCall call)
        {
            await Answers.Task;
            return await store.ExchangeAsync(call);
        }
    }
}
