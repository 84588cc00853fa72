using SmtpShield.Mta.Slots;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Mta.Slots;

/// <summary>How fast sessions are opened for clients that are not known good.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class OpeningPaceTests : IDisposable
{
    private static readonly TimeSpan s_usual = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan s_slow = TimeSpan.FromMilliseconds(60);

    private readonly FakeTimeProvider _time = new();
    private MtaSlots? _slots;

    public void Dispose() => _slots?.Dispose();

    [Test]
    public void Most_SessionsAreOpenedAsUsual_GrowsOnlyWhileAllAreInUse()
    {
        using var pace = Pace();
        var one = Begin(pace);
        pace.Note(one, MtaWork.Greeting, s_usual, 90);
        Assert.That(pace.Most, Is.EqualTo(2));
        pace.Note(one, MtaWork.Recipient, s_usual, 90);
        Assert.That(pace.Most, Is.EqualTo(2), "It was the only one of two.");

        OpenMany(pace, 100);
        Assert.That(pace.Most, Is.EqualTo(90), "Never more than there may be sessions.");
    }

    [Test]
    public void Most_AnswersOfOpenSessions_DoNotMakeItGrow()
    {
        using var pace = Pace();
        var open = Begin(pace);
        pace.Note(open, MtaWork.Recipient, s_usual, 90);
        var most = pace.Most;

        OpenMany(pace, most - 1);
        Begin(pace);
        for (var i = 0; i < 100; i++)
            pace.Note(open, MtaWork.Recipient, s_usual, 90);

        Assert.That(pace.Most, Is.EqualTo(most), "A client that asks for many recipients says nothing of how sessions are opened.");
    }

    [Test]
    public void Most_AnswersToMail_DoNotMakeItGrow()
    {
        using var pace = Pace();
        var opening = Begin(pace);
        for (var i = 0; i < 10; i++)
            pace.Note(opening, MtaWork.Sender, s_usual, 90);

        Assert.That(pace.Most, Is.EqualTo(OpeningPace.LeastForCrowd), "They cost an MTA nothing.");
    }

    [Test]
    public void Most_AnswersBecomeSlow_IsHalvedOnceATimeAndNeverBelowTheLeast()
    {
        using var pace = Pace();
        var opened = OpenMany(pace, 31);

        foreach (var slot in opened)
            pace.Note(slot, MtaWork.Greeting, s_slow, 90);
        Assert.That(pace.Most, Is.EqualTo(16));

        for (var i = 0; i < 10; i++)
        {
            _time.Advance(OpeningPace.BetweenSteps);
            pace.Note(opened[0], MtaWork.Greeting, s_slow, 90);
        }
        Assert.That(pace.Most, Is.EqualTo(OpeningPace.LeastForCrowd));
    }

    [Test]
    public void Most_BehindASlowAnswer_DoesNotGrowBeforeItIsCalm()
    {
        using var pace = Pace();
        var opening = Begin(pace);
        pace.Note(opening, MtaWork.Greeting, s_slow, 90);
        _time.Advance(OpeningPace.Calm - TimeSpan.FromTicks(1));
        pace.Note(opening, MtaWork.Greeting, s_usual, 90);
        Assert.That(pace.Most, Is.EqualTo(OpeningPace.LeastForCrowd));

        _time.Advance(TimeSpan.FromTicks(1));
        pace.Note(opening, MtaWork.Greeting, s_usual, 90);
        Assert.That(pace.Most, Is.EqualTo(OpeningPace.LeastForCrowd + 1));
    }

    [Test]
    public void Most_MtaAlwaysTakesSeconds_IsNotHalved()
    {
        using var pace = Pace();
        for (var i = 0; i < 50; i++)
        {
            var slot = Begin(pace);
            pace.Note(slot, MtaWork.Greeting, s_usual, 90);
            _time.Advance(s_usual);
            pace.Note(slot, MtaWork.Recipient, TimeSpan.FromSeconds(3 + (i % 3)), 90);
        }

        Assert.That(pace.Most, Is.GreaterThan(OpeningPace.LeastForCrowd));
    }

    [Test]
    public void Most_NotYetGreetedOrSlowToGreetOnPurpose_IsUnlimited()
    {
        using var pace = new OpeningPace(_time, static () => { });
        Assert.That((pace.Most, pace.MayOpen(OpeningPace.Crowd)), Is.EqualTo((int.MaxValue, true)));
        pace.Note(NewSlot(), MtaWork.Greeting, OpeningPace.LongestUsualGreeting, 90);
        Assert.That(pace.Most, Is.EqualTo(OpeningPace.LeastForCrowd));

        using var other = new OpeningPace(_time, static () => { });
        other.Note(NewSlot(), MtaWork.Greeting, OpeningPace.LongestUsualGreeting + TimeSpan.FromTicks(1), 90);
        Assert.That((other.Most, other.MayOpen(OpeningPace.Crowd)), Is.EqualTo((int.MaxValue, true)));
    }

    [Test]
    public void Most_EachWork_HasItsOwnUsualTime()
    {
        using var pace = Pace();
        var opened = OpenMany(pace, 7);
        pace.Note(opened[0], MtaWork.Recipient, TimeSpan.FromSeconds(2), 90);
        Assert.That(pace.Most, Is.AtLeast(8), "The first one shows what is usual.");

        pace.Note(opened[1], MtaWork.Greeting, TimeSpan.FromSeconds(2), 90);
        Assert.That(pace.Most, Is.LessThan(8));
    }

    [Test]
    public void MayOpen_SessionWasOpenedSlowly_IsBehindARestAsLong()
    {
        var rested = 0;
        using var pace = Pace(() => rested++);
        var opening = Begin(pace);
        _time.Advance(s_slow);
        pace.Note(opening, MtaWork.Greeting, s_slow, 90);
        _time.Advance(s_slow);
        pace.Note(opening, MtaWork.Recipient, s_usual, 90);

        _time.Advance(2 * s_slow - TimeSpan.FromTicks(1));
        Assert.That((pace.MayOpen(OpeningPace.Crowd), rested), Is.EqualTo((false, 0)));
        _time.Advance(TimeSpan.FromTicks(1));
        Assert.That((pace.MayOpen(OpeningPace.Crowd), rested), Is.EqualTo((true, 1)), "Who waits need not wait for somebody else to come.");
    }

    [Test]
    public void MayOpen_SessionWasOpenedVerySlowly_IsBehindTheLongestRest()
    {
        using var pace = Pace();
        var opening = Begin(pace);
        pace.Note(opening, MtaWork.Greeting, s_slow, 90);
        _time.Advance(TimeSpan.FromSeconds(4));
        pace.End(opening);

        _time.Advance(OpeningPace.LongestRest - TimeSpan.FromTicks(1));
        Assert.That(pace.MayOpen(OpeningPace.Crowd), Is.False);
        _time.Advance(TimeSpan.FromTicks(1));
        Assert.That(pace.MayOpen(OpeningPace.Crowd), Is.True);
    }

    [Test]
    public void MayOpen_FewClients_NeitherRestNorBecomeFewerThanTheLeast()
    {
        using var pace = Pace();
        Assert.That(pace.MayOpen(OpeningPace.Crowd - 1), Is.True);
        for (var i = 0; i < OpeningPace.Least; i++)
            Assert.That(pace.MayOpen(OpeningPace.Crowd - 1), Is.True, $"{Begin(pace).IsOpening} {i}");
        Assert.That(pace.MayOpen(OpeningPace.Crowd - 1), Is.False);

        for (var i = 0; i < 10; i++)
        {
            _time.Advance(OpeningPace.BetweenSteps);
            var slot = Begin(pace);
            pace.Note(slot, MtaWork.Greeting, s_slow, 90);
            pace.End(slot);
        }
        Assert.That(pace.Most, Is.EqualTo(OpeningPace.Least));
    }

    [Test]
    public void Most_FewClients_GrowsWithEachAnswerInItsUsualTime()
    {
        using var pace = Pace();
        pace.MayOpen(OpeningPace.Crowd - 1);
        for (var i = 0; i < OpeningPace.Least; i++)
            Begin(pace);
        var open = NewSlot();
        pace.Note(open, MtaWork.Greeting, s_slow, 90);
        pace.Note(open, MtaWork.Sender, s_usual, 90);

        Assert.That(pace.Most, Is.EqualTo(OpeningPace.Least + 1));
    }

    [Test]
    public void HasLongWaiters_OneWaitsUntilHisIsOpened_HasNot()
    {
        var slots = Paced(90);
        Take(slots, 1);
        SlotWaiter.Enqueue([slots], TestSlots.Range(2), ClientStanding.Unknown, static () => { });

        _time.Advance(2 * LongWaits.Patience);

        Assert.That((slots.Waiting, slots.HasLongWaiters), Is.EqualTo((1, false)));
    }

    [Test]
    public void MayOpen_SessionsWereOpenedAsUsual_NeedsNoRest()
    {
        using var pace = Pace();
        var opening = Begin(pace);
        _time.Advance(s_slow);
        pace.Note(opening, MtaWork.Recipient, s_usual, 90);

        Assert.That(pace.MayOpen(OpeningPace.Crowd), Is.True);
    }

    [Test]
    public void TryTake_ManyAtOnce_OthersAreOpenedFewAtATimeAndKnownGoodOnesAtOnce()
    {
        var slots = Paced(90);

        var opened = Take(slots, 0)!;
        Assert.That(Take(slots, 100), Is.Null);
        Assert.That(Take(slots, 101, ClientStanding.Good), Is.Not.Null);
        Assert.That(Take(slots, 102, ClientStanding.Exempt), Is.Not.Null);

        var waiter = SlotWaiter.Enqueue([slots], TestSlots.Range(103), ClientStanding.Unknown, static () => { });
        opened.NoteAnswered(MtaWork.Sender, s_usual);
        Assert.That(waiter.Granted, Is.Null, "The MTA has not judged a recipient yet.");
        opened.NoteAnswered(MtaWork.Recipient, s_usual);
        Assert.That(waiter.Granted, Is.Not.Null);
    }

    [Test]
    public void Look_RestIsOver_WaitersGetTheirs()
    {
        var slots = Paced(90);
        var opening = Take(slots, 1)!;
        var waiter = SlotWaiter.Enqueue([slots], TestSlots.Range(2), ClientStanding.Unknown, static () => { });
        _time.Advance(s_slow);
        opening.NoteAnswered(MtaWork.Greeting, s_slow);
        opening.NoteAnswered(MtaWork.Recipient, s_usual);

        Assert.That(waiter.Granted, Is.Null);
        Assert.That(Take(slots, 3, ClientStanding.Good), Is.Not.Null, "Known good clients need not wait for it.");
        _time.Advance(s_slow);
        Assert.That(waiter.Granted, Is.Not.Null);
    }

    [Test]
    public void IsWaitedFor_AFewWaitUntilTheirsIsOpened_IsNot()
    {
        var slots = Paced(90);
        Take(slots, 0);
        for (var waiter = 1; waiter < MtaSlots.ManyWaiting; waiter++)
            SlotWaiter.Enqueue([slots], TestSlots.Range(100 + waiter), ClientStanding.Unknown, static () => { });
        Assert.That((slots.Waiting, slots.IsWaitedFor), Is.EqualTo((MtaSlots.ManyWaiting - 1, false)));

        SlotWaiter.Enqueue([slots], TestSlots.Range(200), ClientStanding.Unknown, static () => { });
        Assert.That(slots.IsWaitedFor, Is.True);
    }

    [TestCase(4, ClientStanding.Unknown), TestCase(1, ClientStanding.Good)]
    public void IsWaitedFor_OneLacksASession_Is(int limit, ClientStanding standing)
    {
        var slots = Paced(limit);
        for (var client = 0; client < limit; client++)
            Take(slots, client, ClientStanding.Good);

        SlotWaiter.Enqueue([slots], TestSlots.Range(100), standing, static () => { });

        Assert.That(slots.IsWaitedFor, Is.True);
    }

    [Test]
    public void TryTake_ClientSaysNothingBehindTheGreeting_OthersNeedNotWaitForIt()
    {
        var slots = Paced(90);
        var opening = Take(slots, 0)!;
        opening.NoteAwaited(_time.GetTimestamp());
        opening.NoteAnswered(MtaWork.Greeting, s_usual);
        Assert.That(Take(slots, 99), Is.Not.Null, "It was as fast as usual, so one more is opened.");

        _time.Advance(OpeningPace.ClientsTime - TimeSpan.FromTicks(1));
        Assert.That(Take(slots, 100), Is.Null);
        _time.Advance(TimeSpan.FromTicks(1));
        Assert.That(Take(slots, 100), Is.Not.Null);
        Assert.That(Take(slots, 101), Is.Null);
    }

    [Test]
    public void Look_MtaNeverAnswers_OthersDoNotWaitForEver()
    {
        var slots = Paced(90);
        Take(slots, 0)!.NoteAwaited(_time.GetTimestamp());
        var waiter = SlotWaiter.Enqueue([slots], TestSlots.Range(100), ClientStanding.Unknown, static () => { });

        _time.Advance(OpeningPace.LongestOpening - TimeSpan.FromTicks(1));
        slots.Look();
        Assert.That(waiter.Granted, Is.Null);
        _time.Advance(TimeSpan.FromTicks(1));
        slots.Look();
        Assert.That(waiter.Granted, Is.Not.Null);
    }

    [Test]
    public void GiveBack_WhileItIsOpened_MakesRoomForTheNext()
    {
        var slots = Paced(90);
        var opening = Take(slots, 0)!;

        opening.Dispose();
        opening.Dispose();

        Assert.That(Take(slots, 100), Is.Not.Null);
        Assert.That(Take(slots, 101), Is.Null);
        Assert.That(slots.Used, Is.EqualTo(OpeningPace.Crowd + 1));
    }

    // It has shown what is usual.
    private MtaSlots Paced(int limit)
    {
        var slots = _slots = new MtaSlots(_time, new(limit, 0, 0, IsPaced: true));
        _time.Advance(s_usual);
        foreach (var work in Enum.GetValues<MtaWork>())
        {
            using var known = Take(slots, 999, ClientStanding.Good)!;
            known.NoteAnswered(work, s_usual);
        }
        // They are a crowd, but not among those that are opened.
        for (var client = 0; limit == 90 && client < OpeningPace.Crowd; client++)
            Take(slots, 5000 + client, ClientStanding.Good);
        return slots;
    }

    // It knows what is usual for a greeting.
    private OpeningPace Pace(Action? rested = null)
    {
        var pace = new OpeningPace(_time, rested ?? (static () => { }));
        pace.Note(NewSlot(), MtaWork.Greeting, s_usual, 90);
        pace.MayOpen(OpeningPace.Crowd);
        return pace;
    }

    private Slot Begin(OpeningPace pace)
    {
        var slot = NewSlot();
        pace.Begin(slot);
        return slot;
    }

    // Each of them makes room for one more, and none is over.
    private List<Slot> OpenMany(OpeningPace pace, int count)
    {
        var opened = new List<Slot>();
        for (var i = 0; i < count; i++)
        {
            opened.Add(Begin(pace));
            pace.Note(opened[i], MtaWork.Greeting, s_usual, 90);
        }
        return opened;
    }

    private Slot NewSlot() => new(_slots ??= new(_time, new(90, 0, 0)), new(TestSlots.Range(1)), ClientStanding.Unknown, static () => { });

    private static Slot? Take(MtaSlots slots, int client, ClientStanding standing = ClientStanding.Unknown) =>
        slots.TryTake(TestSlots.Range(client), standing, static () => { });
}
