using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Limits;
using SmtpShield.Limits.Shared;
using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Sharing;

namespace SmtpShield.Tests.Limits.Shared;

/// <summary>Shields come, leave, and change what they share, while they run.</summary>
[CancelAfter(60_000)]
internal sealed class CounterSharingTests
{
    private static readonly AnvilKey _client = TestFarm.KeyOf("192.0.2.7");
    private static readonly TimeSpan _interval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(30);

    private readonly List<RunningShield> _shields = [];
    private FakeTimeProvider _time = null!;
    private InMemorySharedStore _memory = null!;

    [SetUp]
    public void Create()
    {
        _time = new();
        _memory = new(_time);
    }

    [TearDown]
    public async Task StopAsync()
    {
        foreach (var shield in _shields)
            await shield.Loop.StopAsync(CancellationToken.None);
        foreach (var shield in _shields)
            shield.Loop.Dispose();
        _shields.Clear();
        await _memory.DisposeAsync();
    }

    [Test]
    [Property("Sharing", "SHARE-12")]
    public async Task Stop_WithConnectionsOpen_IsHeardBeforeTheLeaseEnds(CancellationToken cancellationToken)
    {
        var (one, two) = (await StartAsync(), await StartAsync());
        await PassUntilAsync(() => two.Sharing.State?.Members == 2, "both have come", cancellationToken);
        for (var i = 0; i < 4; i++)
            one.Table.Connect(_client);
        await PassUntilAsync(() => two.Table.Peek(_client).ConnectionCount == 4, "the second knows them", cancellationToken);

        var stopped = _time.GetTimestamp();
        await one.Loop.StopAsync(cancellationToken);
        await PassUntilAsync(() => two.Table.Peek(_client).ConnectionCount == 0, "the second knows that they are gone", cancellationToken);
        Assert.That(_time.GetElapsedTime(stopped), Is.LessThan(TimeSpan.FromSeconds(5)), "of fake time; the lease is 10 s");
    }

    [Test]
    public async Task Reload_ServiceThatIsSharedNoMore_IsForgottenOnBothSides(CancellationToken cancellationToken)
    {
        var (one, two) = (await StartAsync(), await StartAsync());
        await PassUntilAsync(() => two.Sharing.State?.Members == 2, "both have come", cancellationToken);
        one.Table.Connect(_client);
        one.Table.Connect(_client);
        two.Table.Connect(_client);
        await PassUntilAsync(() => _shields.TrueForAll(static shield => shield.Table.Peek(_client).ConnectionCount == 3), "both know all", cancellationToken);

        // What is in the list then must not be said of a service that is not shared.
        one.Table.Connect(_client);
        one.Snapshot.Replace(Options(isShared: false));
        one.Table.Connect(_client);
        await PassUntilAsync(() => one.Table.Peek(_client).ConnectionCount == 4 && two.Table.Peek(_client).ConnectionCount == 1, "each knows its own",
            cancellationToken);
        Assert.That((one.Sharing.State, one.Loop.ExecuteTask!.IsCompleted), Is.EqualTo(((SharingState?)null, false)));

        one.Snapshot.Replace(Options(isShared: true));
        await PassUntilAsync(() => two.Table.Peek(_client).ConnectionCount == 5, "all is shared again", cancellationToken);
    }

    [Test]
    public async Task Event_ThatWaits_MakesAnExchangeBeginAtOnce(CancellationToken cancellationToken)
    {
        var one = await StartAsync(mode: SharingMode.Strict);
        await PassUntilAsync(() => one.Sharing.State is { Members: 1 } && _time.ActiveTimers > 0, "it has come", cancellationToken);
        SharedWait? wait = null;
        await PassUntilAsync(
            () =>
            {
                // Before the first answer nothing waits.
                if (wait is null)
                    one.Table.Connect(_client, out wait);
                return wait is not null;
            },
            "an event waits", cancellationToken);
        await wait!.WhenOverAsync().WaitAsync(_limit, cancellationToken);
        Assert.That(wait.Counts.ConnectionCount, Is.Positive);
    }

    [TestCase(typeof(SharedStoreException), "LOADING", "LOADING")]
    [TestCase(typeof(InvalidOperationException), "whatever", "a bug, report it: InvalidOperationException")]
    [Property("Sharing", "SHARE-21")]
    public async Task Store_ThatFails_IsSaidOnceAndNothingEnds(Type kind, string message, string reason, CancellationToken cancellationToken)
    {
        var one = await StartAsync(() => new FailingStore(() => (Exception)Activator.CreateInstance(kind, [message, null])!));
        await PassUntilAsync(() => one.Log.GetSnapshot().Count > 0, "it is logged", cancellationToken);
        for (var i = 0; i < 100; i++)
            _time.Advance(_interval);
        Assert.That(one.Log.GetSnapshot().Select(static line => line.Message),
            Is.EqualTo((string[])[$"shared counters: 10.0.0.5:6379 does not answer ({reason}): limits count on this shield only"]));
        Assert.That((one.Sharing.State!.Stores[0].Failure, one.Loop.ExecuteTask!.IsCompleted), Is.EqualTo((reason, false)));
        Assert.That(one.Table.Connect(_client), Is.EqualTo(new AnvilCounts(1, 1)));
    }

    private static ShieldOptions Options(bool isShared, SharingMode mode = SharingMode.Async) => new()
    {
        Limits = new() { ClientConnectionCountLimit = 5 },
        Sharing = new() { Store = "redis://10.0.0.5", Name = "mx1", IsShared = isShared, Mode = mode },
    };

    private async Task<RunningShield> StartAsync(Func<ISharedStore>? store = null, SharingMode mode = SharingMode.Async)
    {
        var snapshot = new ShieldSnapshot(Options(isShared: true, mode));
        var table = TestAnvil.Table(snapshot, _time);
        var log = new FakeLogCollector();
        var logger = new Logger<CounterSharing>(new LoggerFactory([new FakeLoggerProvider(log)]));
        var sharing = new CounterSharing(table, snapshot, new(), _time, logger);
        var loop = new StoreSharing([sharing], snapshot, (_, _) => store?.Invoke() ?? _memory);
        await loop.StartAsync(CancellationToken.None);
        var shield = new RunningShield(snapshot, table, sharing, loop, log);
        _shields.Add(shield);
        return shield;
    }

    // The loops are on other threads: time goes on while all of them wait for it, until what they do has come of it.
    private Task PassUntilAsync(Func<bool> condition, string what, CancellationToken cancellationToken) => Eventually.HoldsAsync(
        () =>
        {
            if (condition())
                return true;

            if (_time.ActiveTimers >= _shields.Count(static shield => shield.Sharing.State is not null))
                _time.Advance(_interval);
            return false;
        },
        _limit, what, cancellationToken);

    private sealed record RunningShield(ShieldSnapshot Snapshot, AnvilTable Table, CounterSharing Sharing, StoreSharing Loop, FakeLogCollector Log);

    private sealed class FailingStore(Func<Exception> failure) : ISharedStore, IStorePartition
    {
        public ValueTask DisposeAsync() => ValueTask.CompletedTask;

        public IStorePartition Partition(int number) => this;

        public Task<ExchangeAnswer?> ExchangeAsync(ExchangeCall call) => Task.FromException<ExchangeAnswer?>(failure());

        public Task<EntryAnswer> TellAsync(EntryCall call) => Task.FromException<EntryAnswer>(failure());
    }
}
