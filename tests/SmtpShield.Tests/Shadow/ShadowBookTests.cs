using SmtpShield.Limits;
using SmtpShield.Options;
using SmtpShield.Shadow;
using SmtpShield.Testing;
using SmtpShield.Tests.Limits;

namespace SmtpShield.Tests.Shadow;

public class ShadowBookTests
{
    private const string Rate = "smtpd_client_connection_rate_limit";

    private readonly ShieldSnapshot _snapshot = new(new() { Anvil = new() { RateTimeUnit = TimeSpan.FromSeconds(60) } });
    private FakeTimeProvider _time = null!;
    private AnvilTable _anvil = null!;
    private ShadowBook _book = null!;

    [SetUp]
    public void Open()
    {
        _time = new();
        _anvil = TestAnvil.Table(_snapshot, _time);
        _book = TestShadow.Book(_snapshot, _anvil, _time);
    }

    [Test]
    [Property("Operations", "OPS-18")]
    public void Summarize_Candidates_AreExactlyTheHitClientsThatDeliver()
    {
        Hit(1);
        Hit(2);
        Hit(3);
        _anvil.Delivering.Note(TestAnvil.Key(3).Client);
        Hit(3);
        _book.NoteMessage(TestAnvil.Key(2), null);
        _book.NoteMessage(TestAnvil.Key(4), null);

        var summary = _book.Summarize(10);
        Assert.That(summary.Candidates.Select(static one => one.Client), Is.EquivalentTo(new[] { TestAnvil.Key(2).Client, TestAnvil.Key(3).Client }));
        Assert.That(TestShadow.Of(_book, Rate), Is.EqualTo(new ShadowRuleSummary(1, 3, false, 4, 3, 2, 0)));
        Assert.That(summary.Delivering, Is.EqualTo(2));
    }

    [TestCase(120, true)]
    [TestCase(121, false)]
    public void NoteHit_LastMessageBeforeIt_CountsInItsWindowAndTheOneBefore(int seconds, bool delivers)
    {
        _anvil.Delivering.Note(TestAnvil.Key(1).Client);
        _time.Advance(TimeSpan.FromSeconds(seconds));
        Hit(1);
        Assert.That(_book.Summarize(10).Candidates, Has.Count.EqualTo(delivers ? 1 : 0));
    }

    [Test]
    public void NoteHit_InOneWindowAndBehindIt_FirstOnesAreCounted()
    {
        Hit(1, 6);
        Hit(1, 7);
        _time.Advance(TimeSpan.FromSeconds(60));
        Hit(1, 8);
        Assert.That(TestShadow.Of(_book, Rate).FirstHits, Is.EqualTo(1));
        _time.Advance(TimeSpan.FromSeconds(1));
        Hit(1, 6);
        Assert.That((TestShadow.Of(_book, Rate).FirstHits, TestShadow.Of(_book, Rate).Hits), Is.EqualTo((2L, 4L)));
    }

    /// <summary>Their count is one above the limit again and again in the same window.</summary>
    [TestCase("smtpd_client_connection_count_limit", 6, 5, RateWindow.Fixed)]
    [TestCase("shield_client_error_rate_limit", 6, 5, RateWindow.Fixed)]
    [TestCase("smtpd_client_new_tls_session_rate_limit", 6, 5, RateWindow.Fixed)]
    [TestCase("smtpd_helo_required", 1, 0, RateWindow.Fixed)]
    [TestCase(Rate, 6, 5, RateWindow.Sliding)]
    public void NoteHit_OfACountThatDoesNotBeginAnewWithAWindow_IsFirstByTime(string rule, int count, int limit, RateWindow window)
    {
        _snapshot.Replace(_snapshot.Current with { Anvil = _snapshot.Current.Anvil with { RateWindow = window } });
        for (var second = 0; second <= 60; second += 10)
        {
            _book.NoteHit(TestAnvil.Key(1), "unknown", rule, count, limit);
            _time.Advance(TimeSpan.FromSeconds(10));
        }

        Assert.That((TestShadow.Of(_book, rule).FirstHits, TestShadow.Of(_book, rule).Hits), Is.EqualTo((1L, 7L)));
        _book.NoteHit(TestAnvil.Key(1), "unknown", rule, count, limit);
        Assert.That(TestShadow.Of(_book, rule).FirstHits, Is.EqualTo(2));
    }

    [Test]
    public void NoteHit_OneClient_MayLogTenLinesAMinute()
    {
        Assert.That(Enumerable.Range(0, 12).Count(_ => Hit(1)), Is.EqualTo(10));
        _time.Advance(TimeSpan.FromSeconds(60));
        Assert.That(Hit(1));
    }

    [Test]
    public void NoteHit_ManyClients_MayLogFiftyLinesASecondTogether()
    {
        Assert.That(Enumerable.Range(0, 60).Count(Hit), Is.EqualTo(ShadowBook.MostLines));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(Hit(61));
    }

    [Test]
    public void NoteHit_MoreClientsThanAreRemembered_ThoseThatDeliverStay()
    {
        for (var i = 0; i < 3; i++)
        {
            _anvil.Delivering.Note(TestAnvil.Key(i).Client);
            Hit(i);
        }

        for (var i = 3; i < ShadowBook.Capacity + 100; i++)
            Hit(i);

        var summary = _book.Summarize(10);
        Assert.That((summary.Candidates.Count, summary.Dropped), Is.EqualTo((3, 100L)));
        Assert.That(TestShadow.Of(_book, Rate).Clients, Is.EqualTo(ShadowBook.Capacity + 100).Within(5).Percent);
    }

    [Test]
    public void NoteMessage_BehindAHit_CountsForItsRuleAndClient()
    {
        Hit(1);
        _book.NoteMessage(TestAnvil.Key(1), Rate);
        _book.NoteMessage(TestAnvil.Key(1), null);
        Assert.That(TestShadow.Of(_book, Rate).MessagesAfter, Is.EqualTo(1));
        Assert.That(_book.Summarize(1).Candidates[0].MessagesAfter, Is.EqualTo(1));
    }

    // Of another rule it is remembered already; its mail was behind somebody else's ban.
    [Test]
    public void NoteHit_BehindAMessageForTheRule_IsAnotherClientOfIt()
    {
        _book.NoteHit(TestAnvil.Key(1), "unknown", ShadowRules.BanThreshold, 5, 5);
        _book.NoteMessage(TestAnvil.Key(1), Rate);
        Hit(1);

        Assert.That((TestShadow.Of(_book, Rate).Clients, TestShadow.Of(_book, Rate).Hits), Is.EqualTo((1, 1)));
    }

    [Test]
    public void Summarize_MoreCandidatesThanAsked_SaysHowManyThereAre()
    {
        for (var i = 0; i < 5; i++)
        {
            Hit(i);
            _book.NoteMessage(TestAnvil.Key(i), null);
        }

        var summary = _book.Summarize(2);
        Assert.That((summary.Candidates.Count, summary.CandidateCount), Is.EqualTo((2, 5)));
    }

    [Test]
    public void Summarize_MoreClientsThanASlice_HasEachOnceAlsoWhereOthersWereBefore()
    {
        for (var i = 0; i < ShadowBook.Capacity + 300; i++)
        {
            Hit(i);
            _book.NoteMessage(TestAnvil.Key(i), null);
        }

        var summary = _book.Summarize(ShadowBook.Capacity + 300);
        Assert.That((summary.Candidates.Select(static one => one.Client).Distinct().Count(), summary.CandidateCount, summary.Dropped),
            Is.EqualTo((ShadowBook.Capacity, ShadowBook.Capacity, 300L)));
        Assert.That(summary.Candidates.Select(static one => one.Client), Does.Contain(TestAnvil.Key(ShadowBook.Capacity + 299).Client));
        Assert.That(TestShadow.Of(_book, Rate).Delivering, Is.EqualTo(ShadowBook.Capacity));
    }

    /// <summary>Nobody waits for a report: what it takes long for is done without the lock.</summary>
    [Test, CancelAfter(60_000)]
    public async Task Summarize_WhileClientsAreHit_IsOfOneOrTheOtherMoment(CancellationToken cancellationToken)
    {
        for (var i = 0; i < 1000; i++)
            Hit(i);
        var hits = Task.Run(
            () =>
            {
                for (var i = 0; i < 40_000; i++)
                {
                    Hit(i % 20_000);
                    _book.NoteMessage(TestAnvil.Key(i % 20_000), null);
                    if (i % 10_000 == 9_999)
                        _book.Reset();
                }
            },
            cancellationToken);
        while (!hits.IsCompleted)
        {
            var summary = _book.Summarize(10);
            Assert.That(summary.Candidates.Count, Is.EqualTo(Math.Min(10, summary.CandidateCount)));
            Assert.That(summary.CandidateCount, Is.LessThanOrEqualTo(ShadowBook.Capacity));
        }

        await hits;
    }

    [Test]
    public void Reset_Counts_BeginAnew()
    {
        Hit(1);
        _book.NoteSeen(TestAnvil.Key(1));
        _book.NoteAfter();
        _book.NoteDelay(TimeSpan.FromSeconds(1));
        _time.Advance(TimeSpan.FromHours(1));
        _book.Reset();

        var summary = _book.Summarize(10);
        Assert.That((summary.Since, summary.Clients, summary.After, summary.Delay, summary.Rules.Sum(static rule => rule.Hits + rule.Clients)),
            Is.EqualTo((_time.GetUtcNow(), 0L, 0L, TimeSpan.Zero, 0L)));
    }

    private bool Hit(int client) => Hit(client, 6);

    private bool Hit(int client, int count) => _book.NoteHit(TestAnvil.Key(client), "unknown", Rate, count, 5);
}
