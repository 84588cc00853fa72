using SmtpShield.Bans;
using SmtpShield.Limits;
using SmtpShield.Limits.Shared;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Sharing;

namespace SmtpShield.Tests.Bans;

/// <summary>Two shields tell each other of bans and releases, over a store in memory, in fake time.</summary>
[CancelAfter(60_000)]
[Property("Sharing", "SHARE-30")]
internal sealed class EntrySharingTests
{
    private static readonly TimeSpan _interval = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(30);

    private readonly List<StoreSharing> _sharing = [];
    private FakeTimeProvider _time = null!;
    private InMemorySharedStore _store = null!;
    private TestBans _one = null!;
    private TestBans _other = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _time = new();
        _store = new(_time);
        (_one, _other) = (new(time: _time), new(time: _time));
        await StartAsync(_one, "mx1");
        await StartAsync(_other, "mx2");
    }

    [TearDown]
    public async Task StopAsync()
    {
        foreach (var sharing in _sharing)
        {
            await sharing.StopAsync(CancellationToken.None);
            sharing.Dispose();
        }

        _sharing.Clear();
        _one.Dispose();
        _other.Dispose();
        await _store.DisposeAsync();
    }

    [Test]
    public async Task Ban_ByHand_HoldsAtTheOtherShieldUntilItIsLiftedThere(CancellationToken cancellationToken)
    {
        _one.Add("192.0.2.0/24", 600);
        await PassUntilAsync(() => _other.Find("192.0.2.9") is not null, "it is known", cancellationToken);
        var ban = _other.Find("192.0.2.9")!;
        Assert.That((ban.Origin, ban.By, ban.Until), Is.EqualTo((BanOrigin.Manual, "uid 0", _one.Find("192.0.2.9")!.Until)));

        _other.Table.Lift(TestBans.Range("192.0.2.0/24"));
        await PassUntilAsync(() => _one.Table.Count == 0, "it is lifted", cancellationToken);
        await PassUntilAsync(() => _one.Lines.Contains("ban: 192.0.2.0/24 lifted by another shield"), "it is said", cancellationToken);
        _one.Add("192.0.2.0/24", 60);
        await PassUntilAsync(() => _other.Table.Count == 1, "it can be banned again", cancellationToken);
    }

    [Test]
    public async Task Ban_OfOneThatIsNeverBannedAtTheOtherShield_IsNotTaken(CancellationToken cancellationToken)
    {
        _other.Mtas = [System.Net.IPAddress.Parse("192.0.2.7")];
        _one.Add("192.0.2.7/32");
        _one.Add("192.0.2.8/32");
        await PassUntilAsync(() => _other.Find("192.0.2.8") is not null, "the second is known", cancellationToken);
        Assert.That(_other.Find("192.0.2.7"), Is.Null);
    }

    [Test]
    public async Task Ban_ThatIsAutomatic_SaysWhichShieldHasMadeIt(CancellationToken cancellationToken)
    {
        var now = _time.GetUtcNow();
        _one.Table.TryAdd(
            new(TestBans.Range("2001:db8::/64"), now, now.AddSeconds(90)) { Level = 2, Hits = 7, Rule = "smtpd_hard_error_limit" }, out _);
        await PassUntilAsync(() => _other.Find("2001:db8::1") is not null, "it is known", cancellationToken);
        await PassUntilAsync(() => _other.Lines.Contains("ban: 2001:db8::/64 for 90s, level 2: smtpd_hard_error_limit, 7 hits, by mx1"), "it is said",
            cancellationToken);
        Assert.That(_one.Lines.Count(static line => line.StartsWith("ban: ", StringComparison.Ordinal)), Is.EqualTo(1), "it is not told back");
    }

    [Test]
    public async Task Store_ThatIsEmptyAgain_HearsOfAllBansAndNoneThatWereLifted(CancellationToken cancellationToken)
    {
        for (var i = 0; i < 250; i++)
            _one.Add($"198.51.100.{i}/32");
        await PassUntilAsync(() => _other.Table.Count == 250, "all are known", cancellationToken);
        _one.Table.Lift(TestBans.Range("198.51.100.7/32"));
        await PassUntilAsync(() => _other.Table.Count == 249, "one is lifted", cancellationToken);
        _store.Flush();
        var third = new TestBans(time: _time);
        await StartAsync(third, "mx3");
        await PassUntilAsync(() => third.Table.Count == 249, "the third hears of them", cancellationToken);
        Assert.That((_one.Table.Count, _other.Table.Count), Is.EqualTo((249, 249)));
        third.Dispose();
    }

    [Test]
    public async Task Release_OfAClient_IsHeardAtTheOtherShield(CancellationToken cancellationToken)
    {
        var key = new AnvilKey("smtp", TestBans.Range("192.0.2.7/32"));
        for (var i = 0; i < 3; i++)
        {
            _one.Anvil.Connect(key);
            _other.Anvil.Connect(key);
        }

        _one.Anvil.Release(key);
        await PassUntilAsync(() => _other.Anvil.Peek(key).ConnectionRate == 0, "it is released there, too", cancellationToken);
        Assert.That((_one.Anvil.Peek(key), _other.Anvil.Peek(key)), Is.EqualTo((new AnvilCounts(3, 0), new AnvilCounts(3, 0))), "what is open stays counted");
        Assert.That(_other.Anvil.History.Of(key)!.Events.Select(static noted => noted.Kind), Does.Contain(ClientEventKind.Released));

        _other.Anvil.Connect(key);
        await PassUntilAsync(() => _time.ActiveTimers >= _sharing.Count, "both wait again", cancellationToken);
        Assert.That(_other.Anvil.Peek(key).ConnectionRate, Is.EqualTo(1), "it is released once");
    }

    [TestCase("not a prefix", 'm', "0 0 ban \"x\" \"\"")]
    [TestCase("192.0.2.7/24", 'm', "0 0 ban \"x\" \"\"")]
    [TestCase("192.0.2.7/32", 'x', "0 0 ban \"x\" \"\"")]
    [TestCase("192.0.2.7/32", 'm', "0 0 ban")]
    [TestCase("192.0.2.7/32", 'm', "-1 0 ban \"x\" \"\"")]
    [TestCase("192.0.2.7/32", 'a', "101 0 smtpd_hard_error_limit \"x\" \"\"")]
    [TestCase("192.0.2.7/32", 'a', "1 1 no_such_rule \"x\" \"\"")]
    [TestCase("192.0.2.7/32", 'm', "0 0 ban \"x\" \"\n\"")]
    public void Entry_ThatIsNoBan_IsNotRead(string key, char kind, string text)
    {
        var entry = new SharedEntry(key, kind, TimeSpan.Zero, TimeSpan.FromSeconds(60), text);
        Assert.That(SharedBans.TryRead(entry, _time.GetUtcNow(), out _, out _), Is.False);
    }

    [Test]
    public void TakeOver_OfWhatThereIs_LeavesTheOneThatHolds()
    {
        var now = _time.GetUtcNow();
        _one.Add("192.0.2.7/32", 600);
        Assert.That(_one.Table.TakeOver(Told(BanOrigin.Auto, now, 900)), Is.False, "an automatic one takes no other's place");
        Assert.That(_one.Table.TakeOver(Told(BanOrigin.Manual, now.AddSeconds(-9), 900)), Is.False, "an earlier one by hand");
        Assert.That(_one.Table.TakeOver(Told(BanOrigin.Manual, now.AddSeconds(5), 60)), Is.True, "a later one by hand");
        Assert.That(_one.Table.LiftOlder(TestBans.Range("192.0.2.7/32"), now.AddSeconds(1)), Is.False, "it was made later");
        Assert.That(_one.Table.LiftOlder(TestBans.Range("192.0.2.7/32"), now.AddSeconds(6)), Is.True);

        static Ban Told(BanOrigin origin, DateTimeOffset since, int seconds) =>
            new(TestBans.Range("192.0.2.7/32"), since, since.AddSeconds(seconds)) { Origin = origin, Level = 1, IsTold = true };
    }

    private async Task StartAsync(TestBans bans, string name)
    {
        bans.Snapshot.Replace(bans.Snapshot.Current with { Sharing = new() { Store = "redis://10.0.0.5", Name = name } });
        var entries = new EntrySharing(
            [new BanEntries(bans.Table, bans.Never, bans.Snapshot, _time), new SharedReleases(bans.Anvil, bans.Snapshot, _time)], bans.Snapshot, _time);
        var sharing = new StoreSharing([entries], bans.Snapshot, (_, _) => _store);
        _sharing.Add(sharing);
        await sharing.StartAsync(CancellationToken.None);
        // What is made before the first exchange is told by it, too.
        await PassUntilAsync(() => _time.ActiveTimers >= _sharing.Count, "it waits", CancellationToken.None);
    }

    // The loops are on other threads: time goes on while all of them wait for it.
    private Task PassUntilAsync(Func<bool> condition, string what, CancellationToken cancellationToken) => Eventually.HoldsAsync(
        () =>
        {
            if (condition())
                return true;
            if (_time.ActiveTimers >= _sharing.Count)
                _time.Advance(_interval);
            return false;
        },
        _limit, what, cancellationToken);
}
