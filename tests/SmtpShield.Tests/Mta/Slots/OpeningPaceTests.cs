using SmtpShield.Mta.Slots;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Mta.Slots;

/// <summary>How fast sessions are opened for clients that are not known good.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class OpeningPaceTests
{
    private static readonly TimeSpan s_usual = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan s_slow = TimeSpan.FromMilliseconds(60);

    private readonly FakeTimeProvider _time = new();

    [Test]
    public void Most_AnswersAreAsUsual_GrowsOnlyWhileAllAreInUse()
    {
        var pace = new OpeningPace(_time);

        for (var i = 0; i < 100; i++)
            pace.Note(MtaWork.Greeting, s_usual, opening: OpeningPace.AtFirst - 1, limit: 90);
        Assert.That(pace.Most, Is.EqualTo(OpeningPace.AtFirst));

        for (var i = 0; i < 100; i++)
            pace.Note(MtaWork.Greeting, s_usual, opening: pace.Most, limit: 90);
        Assert.That(pace.Most, Is.EqualTo(90));
    }

    [Test]
    public void Most_AnswersBecomeSlow_IsHalvedOnceATimeAndNeverBelowTheLeast()
    {
        var pace = new OpeningPace(_time);
        for (var i = 0; i < 28; i++)
            pace.Note(MtaWork.Greeting, s_usual, opening: pace.Most, limit: 90);

        for (var i = 0; i < 10; i++)
            pace.Note(MtaWork.Greeting, s_slow, opening: 1, limit: 90);
        Assert.That(pace.Most, Is.EqualTo((OpeningPace.AtFirst + 28) / 2));

        for (var i = 0; i < 10; i++)
        {
            _time.Advance(OpeningPace.BetweenSteps);
            pace.Note(MtaWork.Greeting, s_slow, opening: 1, limit: 90);
        }
        Assert.That(pace.Most, Is.EqualTo(OpeningPace.Least));
    }

    [Test]
    public void Most_MtaAlwaysTakesSeconds_IsNotHalved()
    {
        var pace = new OpeningPace(_time);
        pace.Note(MtaWork.Greeting, s_usual, opening: 0, limit: 90);
        for (var i = 0; i < 50; i++)
        {
            _time.Advance(s_usual);
            pace.Note(MtaWork.Recipient, TimeSpan.FromSeconds(3 + (i % 3)), opening: pace.Most, limit: 90);
        }

        Assert.That(pace.Most, Is.EqualTo(OpeningPace.AtFirst + 50));
    }

    [Test]
    public void Most_NotYetGreetedOrSlowToGreetOnPurpose_IsUnlimited()
    {
        var pace = new OpeningPace(_time);
        Assert.That(pace.Most, Is.EqualTo(int.MaxValue));

        pace.Note(MtaWork.Greeting, OpeningPace.LongestUsualGreeting, opening: 0, limit: 90);
        Assert.That(pace.Most, Is.EqualTo(OpeningPace.AtFirst));

        pace = new OpeningPace(_time);
        pace.Note(MtaWork.Greeting, OpeningPace.LongestUsualGreeting + TimeSpan.FromTicks(1), opening: 0, limit: 90);
        Assert.That(pace.Most, Is.EqualTo(int.MaxValue));
    }

    [Test]
    public void Most_EachWork_HasItsOwnUsualTime()
    {
        var pace = new OpeningPace(_time);
        pace.Note(MtaWork.Greeting, s_usual, opening: 4, limit: 90);
        pace.Note(MtaWork.Recipient, TimeSpan.FromSeconds(2), opening: 4, limit: 90);
        var before = pace.Most;

        pace.Note(MtaWork.Recipient, TimeSpan.FromSeconds(2), opening: 0, limit: 90);
        Assert.That(pace.Most, Is.EqualTo(before));

        pace.Note(MtaWork.Greeting, TimeSpan.FromSeconds(2), opening: 0, limit: 90);
        Assert.That(pace.Most, Is.EqualTo(before / 2));
    }

    [Test]
    public void TryTake_ManyAtOnce_OthersAreOpenedFewAtATimeAndKnownGoodOnesAtOnce()
    {
        var slots = Paced(90);

        var opened = Enumerable.Range(0, OpeningPace.AtFirst).Select(client => Take(slots, client)).ToList();
        Assert.That(Take(slots, 100), Is.Null);
        Assert.That(Take(slots, 101, ClientStanding.Good), Is.Not.Null);
        Assert.That(Take(slots, 102, ClientStanding.Exempt), Is.Not.Null);

        var waiter = SlotWaiter.Enqueue([slots], TestSlots.Range(103), ClientStanding.Unknown, static () => { });
        Assert.That(waiter.Granted, Is.Null);
        opened[0]!.NoteAnswered(MtaWork.Greeting, s_slow);
        Assert.That(waiter.Granted, Is.Null, "It has only greeted.");
        opened[0]!.NoteAnswered(MtaWork.Recipient, s_slow);
        Assert.That(waiter.Granted, Is.Null, "They are slow, so fewer are opened.");
        opened[1]!.NoteAnswered(MtaWork.Recipient, s_slow);
        opened[2]!.NoteAnswered(MtaWork.Recipient, s_slow);
        Assert.That(waiter.Granted, Is.Not.Null);
    }

    [Test]
    public void IsWaitedFor_AFewWaitUntilTheirsIsOpened_IsNot()
    {
        var slots = Paced(90);
        for (var client = 0; client < OpeningPace.AtFirst; client++)
            Take(slots, client);
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
        var opened = Enumerable.Range(0, OpeningPace.AtFirst).Select(client => Take(slots, client)).ToList();
        opened[0]!.NoteAwaited(_time.GetTimestamp());
        opened[0]!.NoteAnswered(MtaWork.Greeting, s_usual);
        Assert.That(Take(slots, 99), Is.Not.Null, "It was as fast as usual, so one more is opened.");

        _time.Advance(Openings.ClientsTime - TimeSpan.FromTicks(1));
        Assert.That(Take(slots, 100), Is.Null);
        _time.Advance(TimeSpan.FromTicks(1));
        Assert.That(Take(slots, 100), Is.Not.Null);
        Assert.That(Take(slots, 101), Is.Null);
    }

    [Test]
    public void Look_MtaNeverAnswers_OthersDoNotWaitForEver()
    {
        var slots = Paced(90);
        for (var client = 0; client < OpeningPace.AtFirst; client++)
            Take(slots, client)!.NoteAwaited(_time.GetTimestamp());
        var waiter = SlotWaiter.Enqueue([slots], TestSlots.Range(100), ClientStanding.Unknown, static () => { });

        _time.Advance(Openings.OpeningTime - TimeSpan.FromTicks(1));
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
        var opened = Enumerable.Range(0, OpeningPace.AtFirst).Select(client => Take(slots, client)).ToList();

        opened[2]!.Dispose();
        opened[2]!.Dispose();

        Assert.That(Take(slots, 100), Is.Not.Null);
        Assert.That(Take(slots, 101), Is.Null);
        Assert.That(slots.Used, Is.EqualTo(OpeningPace.AtFirst));
    }

    // It has shown what is usual.
    private MtaSlots Paced(int limit)
    {
        var slots = new MtaSlots(_time, new(limit, 0, 0, IsPaced: true));
        _time.Advance(s_usual);
        foreach (var work in Enum.GetValues<MtaWork>())
        {
            using var known = Take(slots, 999, ClientStanding.Good)!;
            known.NoteAnswered(work, s_usual);
        }
        return slots;
    }

    private static Slot? Take(MtaSlots slots, int client, ClientStanding standing = ClientStanding.Unknown) =>
        slots.TryTake(TestSlots.Range(client), standing, static () => { });
}
