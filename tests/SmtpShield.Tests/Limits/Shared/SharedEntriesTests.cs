using System.Net;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Limits.Shared;
using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Sharing;

namespace SmtpShield.Tests.Limits.Shared;

/// <summary>Two shields tell each other whom an operator exempts and who delivers mail, over two stores in memory, in fake time.</summary>
[CancelAfter(60_000)]
[Property("Sharing", "SHARE-30")]
internal sealed class SharedEntriesTests
{
    private const int ExchangesOfAShield = 2;

    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);
    private static readonly ClientRange s_client = RangeOf("192.0.2.7/32");
    private static readonly IPAddress s_address = IPAddress.Parse("192.0.2.7");

    private readonly Dictionary<string, InMemorySharedStore> _stores = [];
    private readonly List<RunningShield> _shields = [];
    private FakeTimeProvider _time = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _time = new();
        foreach (var store in (string[])["10.0.0.5:6379", "10.0.0.6:6379"])
            _stores[store] = new(_time);
        await AddAsync();
        await AddAsync();
    }

    [TearDown]
    public async Task StopAsync()
    {
        foreach (var shield in _shields)
        {
            await shield.Loop.StopAsync(CancellationToken.None);
            shield.Loop.Dispose();
            shield.Exemptions.Dispose();
        }

        _shields.Clear();
        _stores.Clear();
    }

    [Test]
    public async Task Allow_AtOneShield_HoldsAtTheOtherUntilItIsEndedThere(CancellationToken cancellationToken)
    {
        var (one, other) = (_shields[0], _shields[1]);
        // Some of them over each store.
        for (var i = 1; i <= 20; i++)
            Allow(one, $"198.51.100.{i}/32", 600);
        await PassUntilAsync(() => other.Exemptions.All.Count == 20, "all are known", cancellationToken);
        Allow(one, "192.0.2.0/24", 600, "a \"test\"");
        await PassUntilAsync(() => other.Exemptions.Find(s_address) is not null, "it is known", cancellationToken);
        var (told, own) = (other.Exemptions.Find(s_address)!, one.Exemptions.Find(s_address)!);
        Assert.That((told.By, told.Why, told.Prefix), Is.EqualTo((own.By, own.Why, own.Prefix)));
        Assert.That((told.Until - own.Until).Duration(), Is.LessThan(TimeSpan.FromMilliseconds(2)));
        await PassUntilAsync(() => Lines(other).Any(static line => line.StartsWith("allow: 192.0.2.0/24 for ", StringComparison.Ordinal)
            && line.EndsWith("s by uid 0, told by another shield", StringComparison.Ordinal)), "it is said", cancellationToken);

        other.Exemptions.Remove(RangeOf("192.0.2.0/24"));
        await PassUntilAsync(() => one.Exemptions.Find(s_address) is null, "it is ended", cancellationToken);
        await PassUntilAsync(() => Lines(one).Contains("allow: 192.0.2.0/24 ended by another shield"), "it is said", cancellationToken);
        Assert.That(one.Exemptions.All, Has.Count.EqualTo(20), "and nothing else");
        Allow(one, "192.0.2.0/24", 60);
        await PassUntilAsync(() => other.Exemptions.Find(s_address) is not null, "it can be exempted again", cancellationToken);
        Assert.That(Lines(one).Count(static line => line.Contains("told by another", StringComparison.Ordinal)), Is.Zero, "nothing is told back");
    }

    [Test]
    public async Task Allow_Twice_TheLaterOneHoldsAtBoth(CancellationToken cancellationToken)
    {
        var (one, other) = (_shields[0], _shields[1]);
        Allow(one, "192.0.2.7/32", 600);
        await PassUntilAsync(() => other.Exemptions.Find(s_address) is not null, "it is known", cancellationToken);
        await PassAsync(6, cancellationToken);
        Allow(other, "192.0.2.7/32", 60);
        await PassUntilAsync(() => one.Exemptions.Find(s_address)!.Until < _time.GetUtcNow().AddSeconds(90), "it ends earlier", cancellationToken);
        Assert.That(other.Exemptions.Find(s_address)!.Until, Is.LessThan(_time.GetUtcNow().AddSeconds(90)));
    }

    [Test]
    public void Allow_OlderThanWhatThereIs_IsNotTaken()
    {
        var one = _shields[0];
        Allow(one, "192.0.2.7/32", 60);
        var until = one.Exemptions.Find(s_address)!.Until;
        Assert.That(one.Kinds.Count(static kind => kind.TryTake(Told(100))), Is.EqualTo(1));
        Assert.That(one.Exemptions.Find(s_address)!.Until, Is.EqualTo(until));
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.That(one.Kinds.Count(static kind => kind.TryTake(Told(1))), Is.EqualTo(1));
        Assert.That(one.Exemptions.Find(s_address)!.Until, Is.GreaterThan(until.AddSeconds(500)), "a later one is");

        static SharedEntry Told(int age) => new("allow 192.0.2.7/32", 'e', TimeSpan.FromSeconds(age), TimeSpan.FromSeconds(600), "\"uid 0\" \"\"");
    }

    [Test]
    public async Task Shield_ThatComesLater_HearsOfAllAlsoFromAnEmptyStore(CancellationToken cancellationToken)
    {
        Allow(_shields[0], "192.0.2.7/32", 6000);
        Deliver(_shields[0]);
        await PassUntilAsync(() => Knows(_shields[1]), "the second knows both", cancellationToken);
        foreach (var store in _stores.Values)
            store.Flush();
        await AddAsync();
        await PassUntilAsync(() => Knows(_shields[2]), "the third does", cancellationToken);

        static bool Knows(RunningShield shield) =>
            shield.Exemptions.Find(s_address) is not null && shield.Table.Delivering.HasDelivered(s_client, TimeSpan.FromHours(1));
    }

    [Test]
    public async Task Mail_AtOneShield_IsKnownAtTheOtherAsOneThatDelivers(CancellationToken cancellationToken)
    {
        var (one, other) = (_shields[0], _shields[1]);
        var told = 0;
        one.Table.Deliveries.DeliversAgain += _ => told++;
        for (var i = 0; i < 5; i++)
            Deliver(one);
        Assert.That(told, Is.EqualTo(1), "once in six hours");
        await PassUntilAsync(() => other.Table.Delivering.Find(s_client) is not null, "it is known", cancellationToken);
        Assert.That(other.Table.Delivering.Find(s_client)!.Value.Messages, Is.EqualTo(1));
        Assert.That(other.Table.Delivering.HasDelivered(s_client, TimeSpan.FromMinutes(1)));
        Deliver(other);
        Assert.That(other.Table.Delivering.Find(s_client)!.Value.Messages, Is.EqualTo(2));
    }

    [TestCase("allow 192.0.2.7", 'e', "\"x\" \"\"")]
    [TestCase("allow 192.0.2.7/24", 'e', "\"x\" \"\"")]
    [TestCase("allow ::ffff:192.0.2.7/128", 'e', "\"x\" \"\"")]
    [TestCase("allow 192.0.2.7/32", 'm', "\"x\" \"\"")]
    [TestCase("allow 192.0.2.7/32", 'e', "\"\" \"\"")]
    [TestCase("allow 192.0.2.7/32", 'e', "\"x\" \"\n\"")]
    [TestCase("allow 192.0.2.7/32", 'e', "\"x\"")]
    [TestCase("192.0.2.7/32", 'e', "\"x\" \"\"")]
    [TestCase("mail 192.0.2.7", 'x', "")]
    [TestCase("mail 192.0.2.7/32", 'e', "")]
    public void Entry_ThatIsNone_IsNotRead(string key, char kind, string text)
    {
        var entry = new SharedEntry(key, kind, TimeSpan.Zero, TimeSpan.FromSeconds(60), text);
        Assert.That(Array.TrueForAll(_shields[0].Kinds, one => !one.TryTake(entry)));
        Assert.That((_shields[0].Exemptions.All.Count, _shields[0].Table.Delivering.Count), Is.EqualTo((0, 0)));
    }

    [Test]
    public void Entry_ThatLastsTooLong_IsNotRead()
    {
        var entry = new SharedEntry("allow 192.0.2.7/32", 'e', TimeSpan.Zero, SharedExemptions.Longest + TimeSpan.FromSeconds(1), "\"x\" \"\"");
        Assert.That(Array.TrueForAll(_shields[0].Kinds, one => !one.TryTake(entry)));
    }

    private static ClientRange RangeOf(string prefix)
    {
        var network = IPNetwork.Parse(prefix);
        return ClientRange.Of(network.BaseAddress, network.PrefixLength, network.PrefixLength);
    }

    private static List<string> Lines(RunningShield shield) => [.. shield.Log.GetSnapshot().Select(static line => line.Message)];

    private static void Deliver(RunningShield shield) => shield.Table.Deliveries.Note(s_client, s_address);

    private void Allow(RunningShield shield, string prefix, int seconds, string? why = null) => Assert.That(
        shield.Exemptions.TryAdd(new(RangeOf(prefix), _time.GetUtcNow(), _time.GetUtcNow().AddSeconds(seconds), "uid 0", why), out _));

    private async Task AddAsync()
    {
        var snapshot = new ShieldSnapshot(new() { Sharing = new() { Store = "redis://10.0.0.5 redis://10.0.0.6" } });
        var (table, exemptions, log) = (TestAnvil.Table(snapshot, _time), new Exemptions(_time), new FakeLogCollector());
        ISharedEntries[] kinds =
        [
            new SharedReleases(table, snapshot, _time),
            new SharedExemptions(exemptions, _time, new Logger<SharedExemptions>(new LoggerFactory([new FakeLoggerProvider(log)]))),
            new SharedDelivering(table, _time),
        ];
        var loop = new StoreSharing([new EntrySharing(kinds, snapshot, _time)], snapshot, (address, _) => _stores[$"{address}"]);
        _shields.Add(new(table, exemptions, kinds, loop, log));
        await loop.StartAsync(CancellationToken.None);
        await PassUntilAsync(AllWait, "it waits", CancellationToken.None);
    }

    // Each store's loop has a timer, and an exemption another one: the end of the first one.
    private bool AllWait() => _time.ActiveTimers >= _shields.Sum(static shield => ExchangesOfAShield + (shield.Exemptions.All.Count > 0 ? 1 : 0));

    private async Task PassAsync(int times, CancellationToken cancellationToken)
    {
        for (var left = times; left > 0; left--)
        {
            await Eventually.HoldsAsync(AllWait, s_limit, "they wait", cancellationToken);
            _time.Advance(s_interval);
        }
    }

    // The loops are on other threads: time goes on while all of them wait for it.
    private Task PassUntilAsync(Func<bool> condition, string what, CancellationToken cancellationToken) => Eventually.HoldsAsync(
        () =>
        {
            if (condition())
                return true;
            if (AllWait())
                _time.Advance(s_interval);
            return false;
        },
        s_limit, what, cancellationToken);

    private sealed record RunningShield(
        AnvilTable Table, Exemptions Exemptions, ISharedEntries[] Kinds, StoreSharing Loop, FakeLogCollector Log);
}
