using System.Net;
using SmtpShield.Bans;

namespace SmtpShield.Tests.Bans;

public sealed class BanTableTests
{
    private TestBans _bans = null!;

    [SetUp]
    public void Create() => _bans = new(new() { TableSize = 100 });

    [TearDown]
    public void Dispose() => _bans.Dispose();

    [TestCase("192.0.2.7", "192.0.2.0/28")]
    [TestCase("192.0.2.200", "192.0.2.0/24")]
    [TestCase("::ffff:192.0.2.7", "192.0.2.0/28")]
    [TestCase("192.0.3.1", null)]
    [TestCase("2001:db8::1", "2001:db8::/64")]
    [TestCase("2001:db8:0:1::1", null)]
    public void Find_OfSeveralThatCover_IsTheLongest(string address, string? expected)
    {
        _bans.Add("192.0.2.0/24");
        _bans.Add("192.0.2.0/28");
        _bans.Add("2001:db8::/64");

        Assert.That(_bans.Find(address)?.Prefix.ToString(), Is.EqualTo(expected));
    }

    [TestCase("0.0.0.0/0", "198.51.100.1")]
    [TestCase("::/0", "2001:db8::1")]
    [TestCase("2001:db8::1/128", "2001:db8::1")]
    [TestCase("192.0.2.1/32", "192.0.2.1")]
    public void Find_OfTheShortestAndLongestPrefixes_Finds(string prefix, string address)
    {
        _bans.Add(prefix);

        Assert.That(_bans.Find(address), Is.Not.Null);
    }

    [TestCase(599, true)]
    [TestCase(600, false)]
    public void Find_AtItsEnd_FindsNothingWhoeverHasLooked(int seconds, bool expected)
    {
        _bans.Add("192.0.2.7/32", 600);
        _bans.Time.Advance(TimeSpan.FromSeconds(seconds));

        Assert.That(_bans.Find("192.0.2.7") is not null, Is.EqualTo(expected));
    }

    [Test]
    public void Ban_WhoseTimeIsOver_IsToldOnceAndLeavesNothingToLookUp()
    {
        var changes = Changes();
        _bans.Add("192.0.2.7/32", 10);
        _bans.Add("192.0.2.7/32", 20);
        _bans.Pass(19);
        Assert.That(changes, Is.EqualTo((string[])["Began 192.0.2.7", "Began 192.0.2.7"]), "the second one took the place of the first");
        _bans.Pass(3);

        Assert.That(changes, Is.EqualTo((string[])["Began 192.0.2.7", "Began 192.0.2.7", "Ended 192.0.2.7"]));
        Assert.That((_bans.Table.Count, _bans.Table.All()), Is.EqualTo((0, Array.Empty<Ban>())));
    }

    [Test]
    public void Lift_OfExactlyThePrefix_LeavesTheWiderOne()
    {
        _bans.Add("192.0.2.0/24");
        _bans.Add("192.0.2.7/32");

        Assert.That(_bans.Table.Lift(TestBans.Range("192.0.2.8/32")), Is.Null);
        Assert.That(_bans.Table.Lift(TestBans.Range("192.0.2.7/32"))?.Prefix.ToString(), Is.EqualTo("192.0.2.7"));
        Assert.That(_bans.Find("192.0.2.7")?.Prefix.ToString(), Is.EqualTo("192.0.2.0/24"));
        Assert.That(_bans.Table.Covering(TestBans.Range("192.0.2.0/25"))?.Prefix.ToString(), Is.EqualTo("192.0.2.0/24"));
        Assert.That(_bans.Table.Covering(TestBans.Range("192.0.0.0/16")), Is.Null);
    }

    [Test]
    public void TryAdd_ToAFullTable_TakesOnlyWhatIsThereAlready()
    {
        for (var i = 0; i < 100; i++)
            Assert.That(_bans.Add($"192.0.2.{i}/32"), Is.True);

        Assert.That(_bans.Add("192.0.2.100/32"), Is.False);
        Assert.That(_bans.Add("192.0.2.99/32"), Is.True);
        Assert.That((_bans.Table.Count, _bans.Table.IsFull), Is.EqualTo((100, true)));
        _bans.Table.Lift(TestBans.Range("192.0.2.0/32"));
        Assert.That(_bans.Add("192.0.2.100/32"), Is.True);
    }

    [Test]
    public void All_WhateverTheOrderTheyCameIn_IsByAddress()
    {
        foreach (var prefix in (string[])["2001:db8::/64", "192.0.2.0/28", "192.0.2.0/24", "10.0.0.1/32"])
            _bans.Add(prefix);

        Assert.That(_bans.Table.All().Select(static ban => $"{ban.Prefix}"),
            Is.EqualTo((string[])["10.0.0.1", "192.0.2.0/24", "192.0.2.0/28", "2001:db8::/64"]));
    }

    [Test]
    public void Revision_OfEachChange_IsAnotherOne()
    {
        var before = _bans.Table.Revision;
        _bans.Add("192.0.2.7/32", 10);
        var made = _bans.Table.Revision;
        _bans.Pass(11);

        Assert.That((made > before, _bans.Table.Revision > made), Is.EqualTo((true, true)));
    }

    // Of two sessions at the threshold the second one, or one that comes behind an operator's order.
    [Test]
    public void TryAdd_OfAnAutomaticOneOverOneThatIsThere_LeavesIt()
    {
        _bans.Add("192.0.2.7/32");
        var changes = Changes();
        var now = _bans.Time.GetUtcNow();

        var automatic = new Ban(TestBans.Range("192.0.2.7/32"), now, now.AddDays(1)) { Level = 1, Origin = BanOrigin.Auto };
        Assert.That(_bans.Table.TryAdd(automatic, out var before), Is.False);
        Assert.That((before, _bans.Find("192.0.2.7")?.Origin, changes.Count), Is.EqualTo((_bans.Find("192.0.2.7"), BanOrigin.Manual, 0)));
    }

    [Test]
    public void Ban_ByHandInPlaceOfAnAutomaticOne_LeavesItsLevelRemembered()
    {
        var now = _bans.Time.GetUtcNow();
        _bans.Table.TryAdd(new(TestBans.Range("192.0.2.7/32"), now, now.AddDays(1)) { Level = 3, Origin = BanOrigin.Auto }, out _);
        _bans.Add("192.0.2.7/32", 60);
        _bans.Pass(61);

        Assert.That((_bans.Find("192.0.2.7"), LevelOf("192.0.2.7/32")), Is.EqualTo(((Ban?)null, 3)));
    }

    // What an earlier process remembered does not come in the order it ended in.
    [Test]
    public void LevelOf_OfWhatEndedBeforeOneInFrontOfIt_IsForgottenInTime()
    {
        var now = _bans.Time.GetUtcNow();
        _bans.Table.Restore(TestBans.Range("192.0.2.1/32"), new(1, now));
        _bans.Table.Restore(TestBans.Range("192.0.2.2/32"), new(2, now.AddDays(-1)));
        _bans.Time.Advance(_bans.Snapshot.Current.Bans.Memory - TimeSpan.FromDays(1));

        Assert.That((LevelOf("192.0.2.1/32"), LevelOf("192.0.2.2/32")), Is.EqualTo((1, 0)));
    }

    [Test]
    public void LookAgain_ForgetsWhoWasLookedAtAndSaysToAskForAll()
    {
        _bans.Add("192.0.2.7/32");
        var ban = _bans.Find("192.0.2.7")!;
        _bans.Table.NoteLookedAt(ban);
        var revision = _bans.Table.Revision;
        var before = (ban.IsLookedAt, _bans.Table.ChangedSince(revision)?.Count);
        _bans.Table.LookAgain();

        Assert.That((before, ban.IsLookedAt), Is.EqualTo(((true, (int?)0), false)));
        Assert.That(_bans.Table.ChangedSince(revision), Is.Null);
    }

    // What waits to be forgotten is thinned out; what is remembered stays, until its time.
    [Test]
    public void LevelOf_OfPrefixesThatAreBannedAgainAndAgain_IsTheLastOneUntilItIsForgotten()
    {
        Restore("192.0.2.1/32", 1);
        for (var i = 1; i <= 5000; i++)
        {
            _bans.Time.Advance(TimeSpan.FromSeconds(1));
            Restore("192.0.2.2/32", 2 + i % 50);
        }

        Assert.That((LevelOf("192.0.2.1/32"), LevelOf("192.0.2.2/32"), _bans.Table.Past().Count), Is.EqualTo((1, 2, 2)));
        _bans.Time.Advance(_bans.Snapshot.Current.Bans.Memory - TimeSpan.FromSeconds(5000));
        Assert.That((LevelOf("192.0.2.1/32"), LevelOf("192.0.2.2/32")), Is.EqualTo((0, 2)));
        _bans.Time.Advance(TimeSpan.FromSeconds(5000));
        Assert.That(_bans.Table.Past(), Is.Empty);
    }

    // Many are made and lifted: what waits for their end does not grow.
    [Test]
    public void Table_AfterRandomChanges_FindsWhatAListFinds()
    {
        var random = new Random(20);
        var list = new Dictionary<string, DateTimeOffset>();
        for (var step = 0; step < 3000; step++)
        {
            var length = random.Next(20, 33);
            var prefix = $"{new IPAddress((byte[])[192, 0, (byte)(random.Next(4) << 4 & 0xf0), 0])}/{length}";
            switch (random.Next(3))
            {
                case 0:
                    var seconds = random.Next(1, 20);
                    if (_bans.Add(prefix, seconds))
                        list[prefix] = _bans.Time.GetUtcNow().AddSeconds(seconds);
                    break;
                case 1:
                    _bans.Table.Lift(TestBans.Range(prefix));
                    list.Remove(prefix);
                    break;
                default:
                    _bans.Pass(1);
                    break;
            }

            var address = $"192.0.{random.Next(4) << 4}.{random.Next(256)}";
            var expected = list.Where(one => one.Value > _bans.Time.GetUtcNow() && IPNetwork.Parse(one.Key).Contains(IPAddress.Parse(address)))
                .Select(static one => (int?)IPNetwork.Parse(one.Key).PrefixLength).Max();
            Assert.That((int?)_bans.Find(address)?.Prefix.PrefixLength, Is.EqualTo(expected), $"step {step}, {address}");
        }
    }

    private void Restore(string prefix, int level) => _bans.Table.Restore(TestBans.Range(prefix), new PastBan(level, _bans.Time.GetUtcNow()));

    private int LevelOf(string prefix) => _bans.Table.LevelOf(TestBans.Range(prefix));

    private List<string> Changes()
    {
        var changes = new List<string>();
        _bans.Table.Changed += (ban, kind) => changes.Add($"{kind} {ban.Prefix}");
        return changes;
    }
}
