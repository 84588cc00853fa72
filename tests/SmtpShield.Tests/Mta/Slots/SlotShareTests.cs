using SmtpShield.Mta.Slots;

namespace SmtpShield.Tests.Mta.Slots;

/// <summary>Two processes of a shield, one of which has handed over to the other: together they have no more sessions than there may be.</summary>
internal sealed class SlotShareTests
{
    private const int Limit = 3;

    private TestSlots _old = null!;
    private TestSlots _new = null!;
    private KeptSlots _kept = null!;
    private LentSlots _lent = null!;
    private int _changes;

    [SetUp]
    public void Begin()
    {
        (_old, _new) = (new TestSlots(Limit), new TestSlots(Limit));
        _changes = 0;
    }

    [Test]
    public void HandOver_WhatTheOldOneHas_IsNotThereForTheNewOneUntilItIsGiven()
    {
        var first = _old.Take(1);
        var second = _old.Take(2);
        HandOver();

        Assert.That(_kept.AtFirst, Is.EqualTo(2));
        _new.Take(10);
        var waiter = _new.Wait(11);
        Assert.That(_old.TryTake(3), Is.Null, "it may have no more than it had");
        Exchange();
        Assert.That(waiter.Granted, Is.Null);

        first.Dispose();
        Exchange();
        Assert.That((waiter.Granted is not null, _old.Slots.Used + _new.Slots.Used), Is.EqualTo((true, Limit)));
        Assert.That((_old.TryTake(3), _new.TryTake(12)), Is.EqualTo(((Slot?)null, (Slot?)null)));
        second.Dispose();
        Exchange();
        Assert.That(_new.TryTake(12), Is.Not.Null);
    }

    [Test]
    public void Settle_WhereClientsWaitAtBoth_TheyHaveTheirTurns()
    {
        _old.Take(1);
        HandOver();
        var served = new List<Slot> { _new.Take(10), _new.Take(11) };
        var old = new[] { _old.Wait(2), _old.Wait(3) };
        var @new = new[] { _new.Wait(12), _new.Wait(13) };
        Exchange();
        Assert.That(old.Concat(@new).Select(static waiter => waiter.Granted), Is.All.Null);

        served[0].Dispose();
        Exchange();
        AssertServed([true, false], [false, false]);
        served[1].Dispose();
        Exchange();
        AssertServed([true, false], [true, false]);
        @new[0].Granted!.Dispose();
        Exchange();
        AssertServed([true, true], [true, false]);
        old[0].Granted!.Dispose();
        Exchange();
        AssertServed([true, true], [true, true]);
        Assert.That(_old.Slots.Used + _new.Slots.Used, Is.EqualTo(Limit));

        void AssertServed(bool[] atOld, bool[] atNew) => Assert.That(
            old.Concat(@new).Select(static waiter => waiter.Granted is not null), Is.EqualTo(atOld.Concat(atNew)));
    }

    [Test]
    public void Settle_WhereClientsWaitAtTheNewOne_TheOldOneAsksForThem()
    {
        _old.Take(1);
        _old.Take(2);
        _old.Take(3);
        HandOver();
        _new.Wait(10);
        var waiter = _new.Wait(11);
        _new.Time.Advance(LongWaits.Patience);
        Exchange();
        Assert.That(InWantAtOld(), Is.EqualTo((3, 2, 2)));

        waiter.Leave();
        Exchange();
        Assert.That(InWantAtOld(), Is.EqualTo((3, 1, 1)));
        Assert.That((_old.Slots.IsWaitedFor, _old.Slots.ParkedInTheWay), Is.EqualTo((true, 0)));
    }

    [Test]
    public void HearEnd_OfTheOldOne_GivesBackAll()
    {
        _old.Take(1);
        _old.Take(2);
        HandOver();
        _new.Take(10);
        var waiter = _new.Wait(11);

        _lent.HearEnd();

        Assert.That((waiter.Granted is not null, _new.Slots.Lent), Is.EqualTo((true, 0)));
    }

    [Test]
    public void LetGo_WhenNoneHasTakenOver_IsAsBefore()
    {
        _old.Take(1);
        HandOver();
        var waiter = _old.Wait(2);

        _kept.LetGo();

        Assert.That((waiter.Granted is not null, _old.TryTake(3) is not null), Is.EqualTo((true, true)));
    }

    [Test]
    public void Hear_SumsThatCameAlready_ChangeNothing()
    {
        var first = _old.Take(1);
        HandOver();
        first.Dispose();
        var (given, _) = _kept.Settle();
        _lent.HearGiven(given!.Value);
        _lent.HearGiven(given.Value);
        _kept.HearGranted(1);

        Assert.That((given, _new.Slots.Lent, _old.TryTake(2)), Is.EqualTo(((int?)1, 0, (Slot?)null)), "and what was not asked for is not taken");
        Assert.That(_kept.Settle(), Is.EqualTo(((int?)null, (int?)null)));
    }

    [Test]
    public void Changed_WhenOneIsGivenBackOrWaitedFor_IsTold()
    {
        var first = _old.Take(1);
        HandOver();
        _changes = 0;

        _old.Wait(2);
        Assert.That(_changes, Is.EqualTo(1));
        first.Dispose();
        Assert.That(_changes, Is.EqualTo(2));
        _kept.Settle();
        Assert.That(_changes, Is.EqualTo(2), "not by asking what is to be said");
    }

    private (int Holders, int Waiting, int Long) InWantAtOld()
    {
        var (holders, waiting, longWaiting) = (new List<Slot>(), 0, 0);
        _old.Slots.CountInWant(holders, ref waiting, ref longWaiting);
        return (holders.Count, waiting, longWaiting);
    }

    private void HandOver()
    {
        _kept = new(_old.Slots, () => _changes++);
        _lent = new(_new.Slots, _kept.AtFirst);
    }

    // Until neither has anything to say.
    private void Exchange()
    {
        while (true)
        {
            var (given, asked) = _kept.Settle();
            if (given is { } sum)
                _lent.HearGiven(sum);
            if (asked is { } wanted)
                _lent.HearAsked(wanted);
            var (granted, want) = _lent.Settle();
            if (want is var (waiting, longWaiting))
                _kept.HearWaiting(waiting, longWaiting);
            if (granted is { } more)
                _kept.HearGranted(more);
            else if (given is null && asked is null)
                return;
        }
    }
}
