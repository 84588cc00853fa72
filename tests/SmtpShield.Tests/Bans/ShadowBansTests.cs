using System.Net;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Options;
using SmtpShield.PostfixConf.Patterns;
using SmtpShield.Shadow;
using SmtpShield.Tests.Shadow;

namespace SmtpShield.Tests.Bans;

/// <summary>S6: hits in shadow ban nobody, and the report says how many bans there would have been; connections within are ghosts.</summary>
[Property("Operations", "OPS-16")]
public sealed class ShadowBansTests
{
    private const string Client = "192.0.2.7";
    private const string Threshold = "shield_ban_threshold";
    private const string Errors = "smtpd_hard_error_limit";
    private const string Messages = "smtpd_client_message_rate_limit";

    private TestBans _bans = null!;

    [TearDown]
    public void Dispose() => _bans.Dispose();

    /// <summary>The threshold is in force, the limit is not: without it being in shadow five sessions would have ended, and led to a ban.</summary>
    [TestCase(4, 0)]
    [TestCase(5, 1)]
    [TestCase(9, 1)]
    public void Hits_OfALimitInShadow_BanNobodyAndAreABanInTheReport(int hits, int expected)
    {
        Use(Errors);
        HitInShadow(hits);

        Assert.That(_bans.Find(Client), Is.Null);
        Assert.That((BanHits, _bans.Automatic.HitsOf(IPAddress.Parse(Client))), Is.EqualTo((expected, 0)));
        Assert.That(TestShadow.Of(_bans.Book, Errors).Hits, Is.EqualTo(Math.Min(hits, 5)), "behind the ban they are a ghost's");
        if (expected > 0)
            Assert.That(_bans.Lines, Is.EqualTo((string[])["ban (shadow): 192.0.2.7/32 for 600s, level 1: smtpd_hard_error_limit, 5 hits in 600s"]));
    }

    /// <summary>All automatic bans are in shadow: what is in force makes none either.</summary>
    [Test]
    public void Hits_InForceWithBansInShadow_AreABanInTheReportOnly()
    {
        Use(Threshold);
        _bans.TooManyErrors(Client, 5);
        Assert.That((_bans.Find(Client), BanHits), Is.EqualTo(((SmtpShield.Bans.Ban?)null, 1)));
        _bans.TooManyErrors(Client, 5);
        Assert.That((_bans.Find(Client), BanHits), Is.EqualTo(((SmtpShield.Bans.Ban?)null, 1)), "it could not have come");
    }

    /// <summary>What comes within a ban there would be could not have come: it leads to no further one.</summary>
    [Test]
    public void Hits_WithinAWouldBeBan_DoNotCountForTheNext()
    {
        Use(Threshold);
        _bans.Configure(static bans => bans with { Time = TimeSpan.FromSeconds(60) });
        _bans.TooManyErrors(Client, 5);
        _bans.TooManyErrors(Client, 4);
        _bans.Pass(61);
        _bans.TooManyErrors(Client, 4);
        Assert.That(BanHits, Is.EqualTo(1));
        _bans.TooManyErrors(Client, 1);
        Assert.That(BanHits, Is.EqualTo(2));
    }

    [Test]
    public void Hits_InForceAndInShadow_AreAddedUp()
    {
        Use(Messages);
        _bans.TooManyErrors(Client, 3);
        HitInShadow(2, Messages);
        Assert.That((_bans.Find(Client), BanHits), Is.EqualTo(((SmtpShield.Bans.Ban?)null, 1)));
    }

    /// <summary>A ban that is made would not have been one in shadow, too.</summary>
    [Test]
    public void Hits_InForceThatBan_AreNoBanInTheReport()
    {
        Use(Messages);
        _bans.TooManyErrors(Client, 5);
        Assert.That((_bans.Find(Client)?.Hits, BanHits), Is.EqualTo((5, 0)));
    }

    [Test]
    public void Hits_WithALowerThresholdBeside_WouldBanEarlier()
    {
        _bans = new();
        _bans.Snapshot.Replace(TestShadow.Beside(new ShieldOptions { Bans = new() { Threshold = 5 } }, Threshold, 3));
        _bans.TooManyErrors(Client, 3);
        Assert.That((_bans.Find(Client), BanHits), Is.EqualTo(((SmtpShield.Bans.Ban?)null, 1)));
        _bans.TooManyErrors(Client, 2);
        Assert.That((_bans.Find(Client)?.Hits, BanHits), Is.EqualTo((5, 1)));
    }

    [Test]
    public void Hits_OfARuleThatDoesNotBan_DoNotCount()
    {
        Use("smtpd_client_recipient_rate_limit", Errors);
        HitInShadow(9, "smtpd_client_recipient_rate_limit");
        Assert.That(BanHits, Is.Zero);
    }

    [Test]
    public void Hits_NothingOfBansInShadow_CountForNothing()
    {
        Use("smtpd_soft_error_limit");
        _bans.TooManyErrors(Client, 4);
        HitInShadow(5, "smtpd_soft_error_limit");
        Assert.That((BanHits, _bans.Shadow.HitsOf(IPAddress.Parse(Client))), Is.EqualTo((0, 0)));
    }

    /// <summary>A would-be ban begins and ends, and the next one lasts longer.</summary>
    [Test]
    public void Ban_WouldBe_EndsByItselfAndTheNextLastsLonger()
    {
        Use(Errors);
        HitInShadow(5);
        HitInShadow(1);
        _bans.Pass(599);
        Assert.That(_bans.Shadow.Find(IPAddress.Parse(Client)), Is.Not.Null);
        _bans.Pass(1);
        Assert.That(_bans.Shadow.Find(IPAddress.Parse(Client)), Is.Null);
        HitInShadow(5);
        Assert.That(_bans.Lines, Is.EqualTo((string[])
        [
            "ban (shadow): 192.0.2.7/32 for 600s, level 1: smtpd_hard_error_limit, 5 hits in 600s",
            "ban (shadow): 192.0.2.7/32 ended, 1 connections",
            "ban (shadow): 192.0.2.7/32 for 2400s, level 2: smtpd_hard_error_limit, 5 hits in 600s",
        ]));
        Assert.That((BanHits, _bans.Book.Summarize(1).InBans), Is.EqualTo((2, 1L)));
    }

    /// <summary>Its hits count under no rule and are not logged; its mail is mail after a hit, of the ban.</summary>
    [Test]
    public void Connection_WithinAWouldBeBan_IsAGhost()
    {
        Use(Errors);
        var open = JudgeOf(Client);
        open.NoteSeen();
        HitInShadow(5);
        var judge = JudgeOf(Client);
        judge.NoteSeen();
        Assert.That(_bans.Book.Summarize(1).InBans, Is.EqualTo(1), "also one that does nothing more");
        Assert.That((judge.IsGhost, JudgeOf("192.0.2.8").IsGhost), Is.EqualTo((true, false)));
        judge.NoteForbiddenCommand("GET /");
        judge.NoteMessage();
        Assert.That(open.IsGhost, "would have got 421 at its next command");

        var report = _bans.Book.Summarize(10);
        Assert.That((report.After, report.InBans), Is.EqualTo((1L, 2L)));
        Assert.That((TestShadow.Of(_bans.Book, "smtpd_forbidden_commands").Hits, TestShadow.Of(_bans.Book, Threshold).MessagesAfter), Is.EqualTo((0L, 1L)));
        Assert.That(_bans.Lines, Has.Exactly(1).Items);
        Assert.That(report.Candidates.Select(static one => one.Rule), Does.Contain(ShadowRules.IndexOf(Threshold)));
    }

    [Test]
    public void Hits_OfWhoIsNeverBanned_WouldBanNobody()
    {
        Use(Errors);
        _bans.Mtas = [IPAddress.Parse(Client)];
        HitInShadow(9);
        Assert.That(BanHits, Is.Zero);
        _bans.Mtas = [];
        _bans.Configure(static bans => bans with { Exceptions = AddressPatternList.Parse(Client) });
        HitInShadow(1);
        Assert.That(BanHits, Is.Zero);
    }

    /// <summary>A wide ban does not hold whoever is excepted in it.</summary>
    [Test]
    public void Connection_OfWhoIsExceptedInAWideBan_IsNoGhost()
    {
        Use(Errors);
        _bans.Configure(static bans => bans with { IPv4PrefixLength = 24, Exceptions = AddressPatternList.Parse("192.0.2.8") });
        HitInShadow(5);
        Assert.That((JudgeOf("192.0.2.9").IsGhost, JudgeOf("192.0.2.8").IsGhost), Is.EqualTo((true, false)));
    }

    [TestCase(49, 0)]
    [TestCase(50, 1)]
    public void Hits_OfWhoDeliversMail_TakeTenTimesAsMany(int hits, int expected)
    {
        Use(Errors);
        using var client = _bans.CounterOf(Client);
        client.NoteDelivered();
        HitInShadow(hits);
        Assert.That(BanHits, Is.EqualTo(expected));
    }

    /// <summary>With a brake on there would be none, and what was counted until then says nothing.</summary>
    [Test]
    public void Hits_WhileAnMtaIsInTrouble_AreForgotten()
    {
        Use(Errors);
        HitInShadow(4);
        _bans.Trouble = "no MTA is up";
        _bans.Pass(1);
        HitInShadow(9);
        Assert.That(BanHits, Is.Zero);
        _bans.Trouble = null;
        _bans.Pass(1);
        HitInShadow(4);
        Assert.That(BanHits, Is.Zero);
        HitInShadow(1);
        Assert.That(BanHits, Is.EqualTo(1));
    }

    [Test]
    public void Forget_AClientThatIsLetIn_EndsItsBanAndForgetsItsHits()
    {
        Use(Errors);
        HitInShadow(5);
        _bans.Shadow.Forget(TestBans.Range($"{Client}/32"));
        Assert.That((JudgeOf(Client).IsGhost, _bans.Lines.Count()), Is.EqualTo((false, 1)));
        HitInShadow(5);
        Assert.That(_bans.Lines.Last(), Does.Contain("level 1"));
    }

    [Test]
    public void Reset_Bans_BeginAnew()
    {
        Use(Errors);
        HitInShadow(5, client: "192.0.2.9");
        _bans.Pass(601);
        HitInShadow(5);
        HitInShadow(4, client: "192.0.2.8");
        _bans.Shadow.Reset();
        Assert.That((JudgeOf(Client).IsGhost, _bans.Shadow.HitsOf(IPAddress.Parse("192.0.2.8"))), Is.EqualTo((false, 0)));
        HitInShadow(5);
        Assert.That(_bans.Lines.Last(), Does.Contain("192.0.2.7/32 for 600s, level 1"));
        HitInShadow(5, client: "192.0.2.9");
        Assert.That(_bans.Lines.Last(), Does.Contain("192.0.2.9/32 for 600s, level 1"), "those that are over are forgotten, too");
    }

    private long BanHits => TestShadow.Of(_bans.Book, Threshold).Hits;

    private void Use(params string[] inShadow)
    {
        _bans = new();
        var bans = new BanOptions { Threshold = 5 };
        _bans.Snapshot.Replace(TestShadow.InShadow(new ShieldOptions
        {
            Bans = bans with { Rules = [.. bans.Rules, Messages] },
            Limits = new() { ClientMessageRateLimit = 1, ClientRecipientRateLimit = 1 },
        }, inShadow));
    }

    private ShadowJudge JudgeOf(string address)
    {
        var client = new ClientIdentity(new IPEndPoint(IPAddress.Parse(address), 1), ClientIdentity.UnknownName);
        return new(new(new("smtp", _bans.Snapshot), isUnderStress: false), new("smtp", client.Range), client, _bans.Book);
    }

    // Each in a connection of its own.
    private void HitInShadow(int times, string rule = Errors, string client = Client)
    {
        for (var i = 0; i < times; i++)
        {
            var judge = JudgeOf(client);
            judge.NoteSeen();
            switch (rule)
            {
                case Errors:
                    judge.BeginErrors(new());
                    for (var error = 0; error < 20; error++)
                        judge.NoteError();
                    judge.JudgeErrors("RCPT");
                    break;
                case "smtpd_soft_error_limit":
                    for (var error = 0; error < 20; error++)
                        judge.NoteError();
                    judge.JudgeDelay(1);
                    break;
                default:
                    judge.JudgeCommand(ClientLimits.Find(rule)!, 2);
                    break;
            }
        }
    }
}
