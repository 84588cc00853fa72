using System.Collections.Concurrent;
using SmtpShield.Options;
using SmtpShield.Session;
using SmtpShield.Testing;
using SmtpShield.Tests.Admission;

namespace SmtpShield.Tests.Session;

public class OpenSessionsTests
{
    private const long Plenty = 1L << 40;

    private readonly ShieldSnapshot _snapshot = new(new());
    private readonly FakeTimeProvider _time = new();
    private OpenSessions _sessions = null!;
    private readonly List<(string Name, OpenSession Session)> _open = [];

    [SetUp]
    public void Clear()
    {
        _sessions = new(_time);
        foreach (var (_, session) in _open)
            session.Dispose();
        _open.Clear();
    }

    [Test]
    public void Shed_SessionsThatHoldMost_GoFirstAndOnlyAsManyAsNeeded()
    {
        for (var i = 0; i < 20; i++)
            Add($"idle {i}", SheddingRank.Idle);
        Add("holds 40 KiB", SheddingRank.Transaction, held: 40 << 10);
        Add("holds 64 KiB", SheddingRank.Transaction, held: 64 << 10);
        Add("holds 20 KiB", SheddingRank.Idle, held: 20 << 10);

        Assert.That(_sessions.Shed(octets: 130 << 10, isUrgent: true), Is.EqualTo(2));
        Assert.That(Asked, Is.EquivalentTo(new[] { "holds 64 KiB", "holds 40 KiB" }));
    }

    [Test]
    public void Shed_SessionsThatHoldAsMuch_GoByWhatIsLostWhoseTheyAreAndHowLongTheyStand()
    {
        Add("transaction", SheddingRank.Transaction, progress: 1);
        Add("just talked", SheddingRank.Idle, progress: 9);
        Add("stands", SheddingRank.Idle, progress: 2);
        Add("one of two", SheddingRank.Idle, client: "192.0.2.2", progress: 8);
        Add("another of two", SheddingRank.Idle, client: "192.0.2.2", progress: 7);
        Add("content", SheddingRank.Content, held: 64 << 10, progress: 0);

        var order = new List<string>();
        while (_sessions.Shed(octets: 1, isUrgent: true) == 1)
            order.Add(Asked.Except(order).Single());

        Assert.That(order, Is.EqualTo(new[] { "another of two", "one of two", "stands", "just talked", "transaction", "content" }));
    }

    [Test]
    public void Shed_NotUrgent_LeavesThoseThatHoldNothingAndThoseInsideContent()
    {
        Add("idle", SheddingRank.Idle, held: OpenSessions.Step - 1);
        Add("content", SheddingRank.Content, held: 64 << 10);
        Add("holds", SheddingRank.Idle, held: OpenSessions.Step);

        Assert.That((_sessions.Shed(Plenty, isUrgent: false), string.Join(' ', Asked), _sessions.Shed(Plenty, isUrgent: false)), Is.EqualTo((1, "holds", 0)));
    }

    [Test]
    public void Shed_SessionThatMustGoOn_IsNeverAsked()
    {
        Add("awaits the reply to its message", SheddingRank.Kept, held: 64 << 10);

        Assert.That((_sessions.Shed(Plenty, isUrgent: true), Asked.Any()), Is.EqualTo((0, false)));
    }

    [TestCase(5, 5)]
    [TestCase(40, 8)]
    [TestCase(200, 25)]
    public void Shed_AtATime_IsAnEighthAndAtLeastEight(int open, int asked)
    {
        for (var i = 0; i < open; i++)
            Add($"{i}", SheddingRank.Idle);

        Assert.That((_sessions.Shed(Plenty, isUrgent: true), Asked.Count()), Is.EqualTo((asked, asked)));
    }

    [Test]
    public void Shed_SessionThatDeclines_CanBeAskedAgain()
    {
        var session = Add("content that has just ended", SheddingRank.Content);
        _sessions.Shed(Plenty, isUrgent: true);
        session.Decline();

        Assert.That((Asked.Any(), _sessions.Shed(Plenty, isUrgent: true)), Is.EqualTo((false, 1)));
    }

    [Test, CancelAfter(10_000)]
    public void Shed_Session_IsWoken(CancellationToken cancellationToken)
    {
        using var woken = new BlockingCollection<int>();
        using var connection = TestConnection.Of(_snapshot);
        using var session = _sessions.Add(connection);
        session.Attach(() => woken.Add(1));
        session.Note(Standing(SheddingRank.Idle));

        _sessions.Shed(Plenty, isUrgent: true);

        Assert.That(woken.Take(cancellationToken), Is.EqualTo(1));
    }

    [Test]
    public void MakeRoom_ClientsWithManySessions_GoBeforeThoseWithOne()
    {
        AddSilent("one", "192.0.2.1");
        AddSilent("one of three", "192.0.2.3");
        AddSilent("one of two", "192.0.2.2");
        _time.Advance(TimeSpan.FromSeconds(1));
        AddSilent("another of two", "192.0.2.2");
        AddSilent("another of three", "192.0.2.3");
        AddSilent("the third of three", "192.0.2.3");
        Add("works", SheddingRank.Transaction, progress: 0);
        _time.Advance(TimeSpan.FromSeconds(10));

        var order = new List<string>();
        while (_sessions.MakeRoom("smtp", 1) == 1)
            order.Add(Asked.Except(order).Single());

        Assert.That(order.Take(3), Is.EquivalentTo(new[] { "one of three", "another of three", "the third of three" }));
        Assert.That((order[0], order.Skip(3)), Is.EqualTo(("one of three", new[] { "one of two", "another of two", "one" })));
        Assert.That(_sessions.MakeRoom("submission", 9), Is.Zero);
    }

    [TestCase(1, 9, false)]
    [TestCase(1, 10, true)]
    [TestCase(2, 1, false)]
    [TestCase(2, 2, true)]
    public void MakeRoom_ClientThatIsNotSilentForLong_IsNotAsked(int sessions, int silence, bool isAsked)
    {
        for (var i = 0; i < sessions; i++)
            AddSilent($"{i}", "192.0.2.1");
        _time.Advance(TimeSpan.FromSeconds(silence));

        Assert.That(_sessions.MakeRoom("smtp", sessions) > 0, Is.EqualTo(isAsked));
    }

    [Test]
    public void Dispose_Session_IsNotCountedOrAskedAnyMore()
    {
        Add("over", SheddingRank.Idle).Dispose();

        Assert.That((_sessions.Count, _sessions.Shed(Plenty, isUrgent: true)), Is.EqualTo((0, 0)));
    }

    [Test]
    public void Views_Sessions_AreNumberedAndStandWhereTheyHaveSaid()
    {
        Add("first", SheddingRank.Idle);
        Add("second", SheddingRank.Content, held: 7, client: "192.0.2.9", progress: 3);

        var views = _sessions.Views.OrderBy(static view => view.Number).ToList();
        Assert.That(views[1].Number, Is.EqualTo(views[0].Number + 1));
        Assert.That(
            (views[1].Service, views[1].Client.NameAddress, views[1].IsTls, views[1].Standing),
            Is.EqualTo(("smtp", "unknown[192.0.2.9]", false, Standing(SheddingRank.Content, 7, 3))));
    }

    [Test]
    public async Task Views_OfASession_HaveWhatItsLimitsAreComparedWith()
    {
        await using var session = SessionUnderTest.Greeted();
        session.Exchange("RCPT TO:<a@y>\r\n", "503 no\r\n");
        session.Exchange("NOOP\r\n", "250 ok\r\n");
        session.Exchange("NOOP\r\n", "250 ok\r\n");
        Assert.That(Counts(), Is.EqualTo((1, 2, 0)));

        session.Exchange("MAIL FROM:<a@x>\r\n", "250 ok\r\n");
        session.Exchange("RCPT TO:<a@y>\r\n", "250 ok\r\n");
        Assert.That(Counts(), Is.EqualTo((1, 2, 1)));

        (int, int, int) Counts()
        {
            var standing = session.Sessions.Views[0].Standing;
            return (standing.Errors, standing.JunkCommands, standing.Recipients);
        }
    }

    [Test]
    public void CountOf_AService_IsThoseThatMatch()
    {
        Add("first", SheddingRank.Idle);
        Add("second", SheddingRank.Content);

        Assert.That(_sessions.CountOf("smtp", static standing => standing.Rank == SheddingRank.Content), Is.EqualTo(1));
        Assert.That(_sessions.CountOf("submission", static standing => standing.Rank == SheddingRank.Content), Is.Zero);
    }

    private IEnumerable<string> Asked => _open.Where(static entry => entry.Session.Request is not SessionRequest.None).Select(static entry => entry.Name);

    private OpenSession Add(string name, SheddingRank rank, long held = 0, string? client = null, long progress = 0)
    {
        // Without another word each is another client's.
        var session = _sessions.Add(TestConnection.Of(_snapshot, address: client ?? $"198.51.100.{_open.Count}"));
        session.Attach(static () => { });
        session.Note(Standing(rank, held, progress));
        _open.Add((name, session));
        return session;
    }

    private void AddSilent(string name, string client) =>
        Add(name, SheddingRank.Idle, client: client).Note(Standing(SheddingRank.Idle, progress: _time.GetTimestamp()) with { IsClientsTurn = true });

    private static SessionStanding Standing(SheddingRank rank, long held = 0, long progress = 0) =>
        new() { After = "CONNECT", Destination = "", Rank = rank, Held = held, Progress = progress };
}
