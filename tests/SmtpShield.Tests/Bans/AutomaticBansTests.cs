using System.Net;
using SmtpShield.Bans;
using SmtpShield.Limits;
using SmtpShield.Options;
using SmtpShield.PostfixConf.Patterns;
using SmtpShield.Protocol;

namespace SmtpShield.Tests.Bans;

[Property("Operations", "OPS-21")]
public sealed class AutomaticBansTests
{
    private const string Client = "192.0.2.7";

    private TestBans _bans = null!;

    [SetUp]
    public void Create() => _bans = new(new() { Threshold = 5 });

    [TearDown]
    public void Dispose() => _bans.Dispose();

    [TestCase(4, false)]
    [TestCase(5, true)]
    public void Hits_BelowAndAtTheThreshold_BanAtIt(int hits, bool expected)
    {
        _bans.TooManyErrors(Client, hits);

        Assert.That(_bans.Find(Client) is not null, Is.EqualTo(expected));
        Assert.That(_bans.Find("192.0.2.8"), Is.Null);
        if (expected)
            Assert.That(_bans.Lines, Is.EqualTo((string[])["ban: 192.0.2.7/32 for 600s, level 1: smtpd_hard_error_limit, 5 hits in 600s"]));
    }

    [TestCase(599, true)]
    [TestCase(600, false)]
    public void Hits_WithinAndOverTheWindow_BanWithinIt(int seconds, bool expected)
    {
        _bans.TooManyErrors(Client, 4);
        _bans.Time.Advance(TimeSpan.FromSeconds(seconds));
        _bans.TooManyErrors(Client);

        Assert.That(_bans.Find(Client) is not null, Is.EqualTo(expected));
    }

    [Test]
    public void Hits_AtSeveralServices_AreAddedUpUnlessAServiceHasAThresholdOfNone()
    {
        var options = _bans.Snapshot.Current;
        _bans.Snapshot.Replace(options with
        {
            Services = new Dictionary<string, ShieldOptions>
            {
                ["smtp"] = options, ["submission"] = options, ["relay"] = options with { Bans = options.Bans with { Threshold = 0 } },
            },
        });
        _bans.TooManyErrors(Client, 2);
        _bans.TooManyErrors(Client, 9, "relay");
        _bans.TooManyErrors(Client, 2, "submission");
        Assert.That(_bans.Find(Client), Is.Null);
        _bans.TooManyErrors(Client, 1, "submission");

        Assert.That(_bans.Find(Client)?.Hits, Is.EqualTo(5));
    }

    [TestCase("smtpd_hard_error_limit", true)]
    [TestCase("smtpd_forbidden_commands", true)]
    [TestCase("smtpd_forbid_unauth_pipelining", true)]
    [TestCase("shield_client_error_rate_limit", true)]
    [TestCase("shield_client_auth_failure_rate_limit", true)]
    [TestCase("smtpd_client_connection_rate_limit", false)]
    [TestCase("smtpd_client_message_rate_limit", false)]
    public void Hits_OfEachRule_BanIfItIsAmongThem(string rule, bool isByDefault)
    {
        Hit(rule, 5);
        Assert.That(_bans.Find(Client)?.Rule, Is.EqualTo(isByDefault ? rule : null));

        _bans.Configure(bans => bans with { Rules = isByDefault ? [.. bans.Rules.Where(other => other != rule)] : [rule] });
        _bans.Table.Lift(TestBans.Range($"{Client}/32"));
        Hit(rule, 5);
        Assert.That(_bans.Find(Client)?.Rule, Is.EqualTo(isByDefault ? null : rule));
    }

    [Test]
    public void Errors_ThatTheMtaRefused_AreNoHits()
    {
        using var counter = _bans.CounterOf(Client);
        for (var i = 0; i < 20; i++)
            counter.NoteError(Verb.Rcpt, 550, i);

        Assert.That(_bans.Find(Client), Is.Null);
    }

    // Four times as long each time, a day at most, and from the beginning when the last one is long ago.
    [Test]
    public void Bans_OfOneThatComesAgain_GrowToTheLimitAndAreForgotten()
    {
        int[] expected = [600, 2400, 9600, 38400, 86400, 86400];
        foreach (var seconds in expected)
        {
            _bans.TooManyErrors(Client, 5);
            Assert.That((_bans.Find(Client)!.Until - _bans.Time.GetUtcNow()).TotalSeconds, Is.EqualTo(seconds));
            _bans.Time.Advance(TimeSpan.FromSeconds(seconds));
            _bans.Table.RemoveEnded();
        }

        _bans.Time.Advance(TimeSpan.FromDays(7));
        _bans.TooManyErrors(Client, 5);
        Assert.That(_bans.Find(Client)!.Level, Is.EqualTo(1));
    }

    [Test]
    public void Ban_ThatWasLifted_DoesNotMakeTheNextOneLonger()
    {
        _bans.TooManyErrors(Client, 5);
        _bans.Table.Lift(TestBans.Range($"{Client}/32"));
        _bans.TooManyErrors(Client, 4);
        Assert.That(_bans.Find(Client), Is.Null, "its hits began anew with the ban");
        _bans.TooManyErrors(Client);

        Assert.That(_bans.Find(Client)!.Level, Is.EqualTo(1));
    }

    [TestCase(0.0, 540)]
    [TestCase(0.5, 600)]
    [TestCase(0.999999, 660)]
    public void Length_ByChance_IsATenthMoreOrLess(double chance, int seconds) =>
        Assert.That(BanJudge.LengthOf(1, new BanOptions(), new Given(chance)).TotalSeconds, Is.EqualTo(seconds));

    [TestCase(5, 86400)]
    [TestCase(500, 86400)]
    public void Length_OfAHighLevel_IsTheLimit(int level, int seconds) =>
        Assert.That(BanJudge.LengthOf(level, new BanOptions(), new Given(0.9)).TotalSeconds, Is.EqualTo(seconds));

    [TestCase("2001:db8::1", "2001:db8::9", true)]
    [TestCase("2001:db8::1", "2001:db8:0:1::1", false)]
    public void Ban_OfAnIPv6Client_CoversItsNetwork(string client, string other, bool expected)
    {
        _bans.TooManyErrors(client, 5);

        Assert.That((_bans.Find(client)?.Prefix.ToString(), _bans.Find(other) is not null), Is.EqualTo(("2001:db8::/64", expected)));
    }

    // Where clients are counted by network, and banned by address.
    [Test]
    public void Ban_WhereTheClientIsANetwork_IsOfTheAddressThatHits()
    {
        using var counter = new ClientCounter(_bans.Anvil, new("smtp", TestBans.Range("192.0.2.0/24")), IPAddress.Parse(Client));
        for (var i = 0; i < 5; i++)
            counter.NoteTooManyErrors(20, 20);

        Assert.That((_bans.Find(Client) is not null, _bans.Find("192.0.2.8") is null), Is.EqualTo((true, true)));
    }

    [TestCase(49, false)]
    [TestCase(50, true)]
    [Property("Operations", "OPS-24")]
    public void Hits_OfAClientThatDeliversMail_BanAtTenTimesTheThreshold(int hits, bool expected)
    {
        Deliver(Client);
        _bans.TooManyErrors(Client, hits);

        Assert.That(_bans.Find(Client) is not null, Is.EqualTo(expected));
    }

    [Test]
    public void Hits_OfAClientThatDeliveredADayAgo_BanAsOfAnyOther()
    {
        Deliver(Client);
        _bans.Time.Advance(TimeSpan.FromHours(24) + TimeSpan.FromSeconds(1));
        _bans.TooManyErrors(Client, 5);

        Assert.That(_bans.Find(Client), Is.Not.Null);
    }

    [TestCase("127.0.0.1")]
    [TestCase("::1")]
    [TestCase("192.0.2.25")]
    [TestCase("192.0.2.30")]
    [TestCase("192.0.2.35")]
    [TestCase("192.0.2.40")]
    [TestCase("192.0.2.45")]
    [Property("Operations", "OPS-23")]
    public void Hits_OfOneThatIsNeverBanned_BanNobody(string address)
    {
        _bans.Mtas = [IPAddress.Parse("192.0.2.25")];
        _bans.Exemptions.TryAdd(new(TestBans.Range("192.0.2.30/32"), _bans.Time.GetUtcNow(), _bans.Time.GetUtcNow().AddDays(1), "uid 0", null), out _);
        _bans.Snapshot.Replace(_bans.Snapshot.Current with
        {
            Proxy = new() { Sources = AddressPatternList.Parse("192.0.2.35") },
            Limits = new() { ClientEventLimitExceptions = AddressPatternList.Parse("192.0.2.45") },
            Bans = _bans.Snapshot.Current.Bans with { Exceptions = AddressPatternList.Parse("192.0.2.40") },
        });
        _bans.TooManyErrors(address, 20);
        _bans.TooManyErrors("192.0.2.99", 5);

        Assert.That(_bans.Table.All().Select(static ban => $"{ban.Prefix}"), Is.EqualTo((string[])["192.0.2.99"]));
    }

    [Test]
    [Property("Operations", "OPS-24")]
    public void Hits_WhileTheMtaIsInTrouble_BanNobodyAndAreForgotten()
    {
        _bans.Trouble = "it has no MTA that is up";
        _bans.TooManyErrors(Client, 20);
        _bans.Pass(1);
        Assert.That((_bans.Find(Client), _bans.Automatic.Suspended["smtp"]), Is.EqualTo(((Ban?)null, "it has no MTA that is up")));

        _bans.Trouble = null;
        _bans.Pass(1);
        Assert.That(_bans.Automatic.Suspended, Is.Empty);
        _bans.TooManyErrors(Client, 4);
        Assert.That(_bans.Find(Client), Is.Null);
        _bans.TooManyErrors(Client);
        Assert.That(_bans.Find(Client), Is.Not.Null);
        Assert.That(_bans.Lines.Take(2), Is.EqualTo((string[])[
            "ban: no automatic bans at service smtp: it has no MTA that is up", "ban: automatic bans at service smtp again"]));
    }

    // The MTA refuses everybody for ten minutes: nobody is banned, neither who delivers mail nor who is new, and behind that all is as before.
    [Test]
    [Property("Operations", "OPS-24")]
    public void Hits_OfMostThatDeliverMail_SuspendUntilAMinuteBehindTheLast()
    {
        string[] known = ["198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.4"];
        foreach (var address in known)
            Deliver(address);
        using var first = _bans.CounterOf(known[0]);
        using var second = _bans.CounterOf(known[1]);
        using var third = _bans.CounterOf(known[2]);
        using var fourth = _bans.CounterOf(known[3]);
        foreach (var counter in (ClientCounter[])[first, second, third, fourth])
            counter.Connect();

        for (var minute = 0; minute < 10; minute++)
        {
            foreach (var address in known.Take(3))
                _bans.TooManyErrors(address);
            _bans.Pass(1);
            _bans.TooManyErrors($"203.0.113.{minute}", 9);
            _bans.Pass(19);
            Assert.That(_bans.Automatic.Suspended["smtp"], Is.EqualTo("3 of 4 clients that deliver mail here are over a limit that bans"));
        }

        Assert.That(_bans.Table.Count, Is.Zero);
        _bans.Pass(60);
        Assert.That(_bans.Automatic.Suspended, Is.Empty);
        _bans.TooManyErrors("203.0.113.1", 5);
        Assert.That(_bans.Table.Count, Is.EqualTo(1));
    }

    [TestCase(2)]
    [TestCase(1)]
    [Property("Operations", "OPS-24")]
    public void Hits_OfHalfOfThoseThatDeliverMail_SuspendNothing(int hit)
    {
        string[] known = ["198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.4"];
        var counters = known.Select(address => _bans.CounterOf(address)).ToList();
        foreach (var (counter, address) in counters.Zip(known))
        {
            Deliver(address);
            counter.Connect();
        }

        foreach (var address in known.Take(hit))
            _bans.TooManyErrors(address);
        _bans.Pass(1);
        _bans.TooManyErrors(Client, 5);

        Assert.That((_bans.Automatic.Suspended.Count, _bans.Find(Client) is not null), Is.EqualTo((0, true)));
        counters.ForEach(static counter => counter.Dispose());
    }

    [Test]
    public void Bans_MoreThanAHundredInASecond_WaitForTheNext()
    {
        _bans.Configure(static bans => bans with { Threshold = 1 });
        for (var i = 0; i < 150; i++)
            _bans.TooManyErrors($"203.0.113.{i}");
        Assert.That(_bans.Table.Count, Is.EqualTo(100));
        Assert.That((_bans.Automatic.Suspended["smtp"], _bans.Lines.Count(static line => line == "ban: more than 100 bans in a second: others wait")),
            Is.EqualTo(("there are more than 100 a second, and others wait", 1)));

        _bans.Pass(1);
        _bans.TooManyErrors("203.0.113.149");
        Assert.That((_bans.Find("203.0.113.149") is not null, _bans.Automatic.Suspended.Count), Is.EqualTo((true, 1)));
        _bans.Pass(10);
        Assert.That(_bans.Automatic.Suspended, Is.Empty);
    }

    [Test]
    public void Hits_WhenTheTableIsFull_BanNobodyAndSaySoOnceAMinute()
    {
        _bans.Configure(static bans => bans with { TableSize = 100 });
        for (var i = 0; i < 100; i++)
            _bans.Add($"203.0.113.{i}/32", 100_000);
        _bans.TooManyErrors(Client, 5);
        _bans.TooManyErrors(Client, 5);

        Assert.That(_bans.Find(Client), Is.Null);
        Assert.That(_bans.Lines.Count(static line => line == "ban: no more bans: there are 100 (shield_ban_table_size)"), Is.EqualTo(1));
    }

    // The file of bans has levels up to 100.
    [Test]
    public void Level_OfOneThatComesAgainAndAgain_EndsAtAHundred()
    {
        _bans.Configure(static bans => bans with { Threshold = 1 });
        for (var i = 0; i < 103; i++)
        {
            _bans.TooManyErrors(Client);
            _bans.Time.Advance(_bans.Find(Client)!.Until - _bans.Time.GetUtcNow());
            _bans.Table.RemoveEnded();
        }

        Assert.That(_bans.Table.LevelOf(TestBans.Range($"{Client}/32")), Is.EqualTo(100));
    }

    // A ban of a /24 hits its neighbours, too.
    [TestCase("192.0.2.99", false)]
    [TestCase("192.0.3.99", true)]
    public void Hits_InARangeOfWhichAnotherOneDeliversMail_NeedTenTimesAsMany(string delivering, bool expected)
    {
        _bans.Configure(static bans => bans with { IPv4PrefixLength = 24 });
        Deliver(delivering);
        _bans.TooManyErrors(Client, 5);
        Assert.That(_bans.Find(Client) is not null, Is.EqualTo(expected));

        _bans.TooManyErrors(Client, 45);
        Assert.That(_bans.Find(Client)?.Prefix.ToString(), Is.EqualTo("192.0.2.0/24"));
    }

    private void Deliver(string address)
    {
        using var counter = _bans.CounterOf(address);
        counter.NoteDelivered();
    }

    private void Hit(string rule, int times)
    {
        using var counter = _bans.CounterOf(Client);
        for (var i = 0; i < times; i++)
        {
            switch (rule)
            {
                case "smtpd_hard_error_limit":
                    counter.NoteTooManyErrors(20, 20);
                    break;
                case "smtpd_forbidden_commands":
                    counter.NoteForbiddenCommand(221);
                    break;
                case "smtpd_forbid_unauth_pipelining":
                    counter.NotePipelining(554);
                    break;
                default:
                    var limit = ClientLimits.All.Single(limit => limit.Parameter == rule);
                    counter.NoteRefusal(new(limit, 9), new SmtpdLimitOptions(), 421);
                    break;
            }
        }
    }

    private sealed class Given(double chance) : Random
    {
        public override double NextDouble() => chance;
    }
}
