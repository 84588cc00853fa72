using SmtpShield.Mta.Slots;

namespace SmtpShield.Tests.Mta.Slots;

public class MtaSlotsTests
{
    [Test]
    [Property("Pool", "FAIR-1")]
    public void TryTake_OnlyTheReserveIsLeft_IsForKnownGoodClients()
    {
        var slots = new TestSlots(limit: 3, reserve: 1);
        slots.Take(1);
        slots.Take(2);

        Assert.That((slots.TryTake(3), slots.TryTake(3, ClientStanding.Bad)), Is.EqualTo(((Slot?)null, (Slot?)null)));
        var third = slots.Wait(3);
        slots.Take(4, ClientStanding.Good);
        Assert.That((third.Granted, slots.TryTake(5, ClientStanding.Good)), Is.EqualTo(((Slot?)null, (Slot?)null)));
    }

    [Test]
    [Property("Pool", "FAIR-2")]
    public void TryTake_OneRange_HoldsAShareAndAnotherGetsInAtOnce()
    {
        var slots = new TestSlots(limit: 90, reserve: 10);
        var own = Enumerable.Range(0, 50).Select(_ => slots.TryTake(1)).OfType<Slot>().ToList();
        var waiters = Enumerable.Range(0, 42).Select(_ => slots.Wait(1)).ToList();

        Assert.That((own.Count, waiters.Count(static waiter => waiter.Granted is not null)), Is.EqualTo((8, 0)));
        Assert.That(slots.TryTake(2), Is.Not.Null);
        foreach (var slot in own)
            slot.Dispose();
        foreach (var waiter in waiters)
        {
            Assert.That(slots.Slots.HeldBy(TestSlots.Range(1)), Is.AtMost(8));
            waiter.Granted!.Dispose();
        }

        Assert.That(slots.Slots.Used, Is.EqualTo(1));
    }

    [Test]
    [Property("Pool", "FAIR-2")]
    public void TryTake_GreedyRanges_EachLeavesNineTenthsOfWhatItFound()
    {
        var slots = new TestSlots(limit: 90, reserve: 10);
        var held = new List<int>();
        while (slots.Slots.Used < 80)
            held.Add(Enumerable.Range(0, 50).Count(_ => slots.TryTake(held.Count) is not null));

        // The 27th would have got the last one, if the 26th, which looks at no share any more, had not been faster.
        Assert.That(held, Is.EqualTo(new[] { 8, 7, 6, 6, 5, 5, 4, 4, 4, 3, 3, 3, 3, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 2 }));
    }

    [Test]
    public void TryTake_ExemptClient_HasNoShare()
    {
        var slots = new TestSlots(limit: 90, reserve: 10);

        Assert.That(Enumerable.Range(0, 100).Count(_ => slots.TryTake(1, ClientStanding.Exempt) is not null), Is.EqualTo(90));
    }

    [TestCase(0, 80)]
    [TestCase(1, 1)]
    [TestCase(100, 40)]
    public void TryTake_Share_IsPercentOfWhatIsFree(int share, int held)
    {
        var slots = new TestSlots(limit: 80, share: share);

        // The last one is given without regard to shares; with a share it is not reached here.
        Assert.That(Enumerable.Range(0, 80).Count(_ => slots.TryTake(1) is not null), Is.EqualTo(held));
    }

    [Test]
    public void TryTake_WithoutALimit_IsNeverRefused()
    {
        var slots = new TestSlots(limit: int.MaxValue, reserve: 10);

        Assert.That(Enumerable.Range(0, 1000).Select(_ => slots.TryTake(1)), Is.All.Not.Null);
    }

    [Test]
    public void Grant_LastFreeSlot_LooksAtNoShare()
    {
        var slots = new TestSlots(limit: 10, reserve: 2);
        slots.Take(1);
        var again = slots.Wait(1);
        for (var client = 2; client <= 6; client++)
            slots.Take(client);
        Assert.That(again.Granted, Is.Null, "Two are free, and to keep.");

        slots.Take(7);
        Assert.That((again.Granted is not null, slots.Slots.Used), Is.EqualTo((true, 8)));
    }

    [Test]
    [Property("Pool", "FAIR-3")]
    public void Grant_SlotsOneByOne_GoToTheRangeThatHoldsFewest()
    {
        var slots = new TestSlots(limit: 1);
        var taken = slots.Take(9);
        var waiters = Waiters(slots, 1, 1, 1, 1, 2, 3);

        // Each grant gives the last one's slot to the next: all hold none, so age decides.
        Assert.That(TestSlots.GrantOneByOne(taken, waiters), Is.EqualTo(new[] { 1, 1, 1, 1, 2, 3 }));
    }

    [TestCase(0, new[] { 1, 2, 3, 1, 1 })]
    [TestCase(1, new[] { 2, 3, 1, 1, 1 })]
    [Property("Pool", "FAIR-3")]
    public void Grant_SlotsThatAreKept_GoToTheRangeThatHoldsFewest(int held, int[] order)
    {
        var slots = new TestSlots(limit: 6);
        for (var number = 0; number < held; number++)
            slots.Take(1);
        var others = new Stack<Slot>(Enumerable.Range(10, 6 - held).Select(client => slots.Take(client)));
        var waiters = Waiters(slots, [.. Enumerable.Repeat(1, 30), 2, 3]);

        var granted = new List<int>();
        while (others.TryPop(out var other) && granted.Count < order.Length)
        {
            other.Dispose();
            granted.AddRange(waiters.Where(static waiter => waiter.Waiter.Granted is not null).Select(static waiter => waiter.Client));
            waiters.RemoveAll(static waiter => waiter.Waiter.Granted is not null);
        }

        Assert.That(granted, Is.EqualTo(order));
    }

    // With the reserve of the defaults, all of which known good clients hold.
    [TestCase(true, 80, 16, 4)]
    [TestCase(false, 80, 20, 0)]
    [Property("Pool", "FAIR-4")]
    public void Grant_ClassesWithWaiters_FourOfFiveToThoseAbove(bool hasBad, int good, int unknown, int bad)
    {
        var slots = new TestSlots(limit: 90, reserve: 10);
        var held = new Queue<Slot>(Enumerable.Range(0, 90).Select(client => slots.Take(client, ClientStanding.Good)));
        var waiters = new List<SlotWaiter>();
        for (var client = 1000; client < 1100; client++)
        {
            waiters.Add(slots.Wait(client, ClientStanding.Good));
            waiters.Add(slots.Wait(client + 1000));
            if (hasBad)
                waiters.Add(slots.Wait(client + 2000, ClientStanding.Bad));
        }

        var granted = new List<Slot>();
        while (granted.Count < 100)
        {
            held.Dequeue().Dispose();
            var slot = waiters.Single(static waiter => waiter.Granted is not null);
            waiters.Remove(slot);
            granted.Add(slot.Granted!);
            held.Enqueue(slot.Granted!);
        }

        Assert.That(
            (Count(granted, ClientStanding.Good), Count(granted, ClientStanding.Unknown), Count(granted, ClientStanding.Bad)),
            Is.EqualTo((good, unknown, bad)));
    }

    [Test]
    public void Grant_TurnsOfOthers_LeaveKnownGoodClientsTheirReserve()
    {
        var slots = new TestSlots(limit: 6, reserve: 2);
        var good = new Queue<Slot>(Enumerable.Range(0, 6).Select(client => slots.Take(client, ClientStanding.Exempt)));
        var others = Enumerable.Range(100, 10).Select(client => slots.Wait(client)).ToList();
        var waiting = Enumerable.Range(200, 100).Select(client => slots.Wait(client, ClientStanding.Exempt)).ToList();

        while (good.TryDequeue(out var slot) && waiting.Count > 0)
        {
            slot.Dispose();
            if (waiting[0].Granted is { } next)
            {
                good.Enqueue(next);
                waiting.RemoveAt(0);
            }
        }

        // They keep what they get.
        Assert.That((waiting.Count, others.Count(static waiter => waiter.Granted is not null)), Is.EqualTo((0, 4)));
    }

    [Test]
    [Property("Pool", "FAIR-12")]
    public void Terms_LimitLoweredAndRaised_CutsNobodyAndGrantsAtOnce()
    {
        var slots = new TestSlots(limit: 90);
        var held = Enumerable.Range(0, 60).Select(client => slots.Take(client)).ToList();
        slots.Slots.Terms = slots.Slots.Terms with { Limit = 20 };
        var waiters = Enumerable.Range(100, 100).Select(client => slots.Wait(client)).ToList();
        foreach (var slot in held[..40])
            slot.Dispose();
        Assert.That((slots.Slots.Used, Granted(waiters)), Is.EqualTo((20, 0)));

        held[40].Dispose();
        Assert.That((slots.Slots.Used, Granted(waiters)), Is.EqualTo((20, 1)));
        slots.Slots.Terms = slots.Slots.Terms with { Limit = 90 };
        Assert.That((slots.Slots.Used, Granted(waiters)), Is.EqualTo((90, 71)));
    }

    [Test]
    [Property("Pool", "SEAM-6")]
    public void Dispose_OfASlotAgain_DoesNothing()
    {
        var slots = new TestSlots(limit: 2);
        var slot = slots.Take(1);
        slots.Take(2);
        slot.Dispose();
        Parallel.For(0, 8, _ => slot.Dispose());

        Assert.That((slots.Slots.Used, slots.Slots.HeldBy(TestSlots.Range(1)), slots.Slots.Ranges), Is.EqualTo((1, 0, 1)));
    }

    [Test]
    [Property("Pool", "SEAM-47")]
    public void Promote_RangeWithWaiters_MovesThemInTheirOrder()
    {
        var slots = new TestSlots(limit: 2);
        var taken = slots.Take(9);
        slots.Take(1);
        var first = slots.Wait(1);
        var exempt = slots.Wait(1, ClientStanding.Exempt);
        var good = slots.Wait(1, ClientStanding.Good);
        var second = slots.Wait(1, ClientStanding.Bad);
        var other = slots.Wait(2);
        slots.Slots.Promote(TestSlots.Range(1));

        Assert.That(TestSlots.GrantOneByOne(taken, [(1, first), (2, exempt), (3, good), (4, second), (5, other)]), Is.EqualTo(new[] { 1, 2, 3, 4, 5 }));
    }

    [Test]
    public void Promote_OldestWaiterOfAll_IsTheOldestOfItsNewClass()
    {
        var slots = new TestSlots(limit: 1);
        var taken = slots.Take(9);
        var early = slots.Wait(1);
        var earlier = slots.Wait(2, ClientStanding.Good);
        var late = slots.Wait(1, ClientStanding.Good);
        slots.Slots.Promote(TestSlots.Range(1));

        Assert.That(TestSlots.GrantOneByOne(taken, [(1, early), (2, earlier), (3, late)]), Is.EqualTo(new[] { 1, 2, 3 }));
    }

    [Test]
    public void Demote_RangeWithWaiters_ComesLastUnlessItIsKnownGood()
    {
        var slots = new TestSlots(limit: 1);
        var taken = slots.Take(9);
        var unknown = slots.Wait(1);
        var good = slots.Wait(1, ClientStanding.Good);
        var other = slots.Wait(2);
        slots.Slots.Demote(TestSlots.Range(1));

        Assert.That(TestSlots.GrantOneByOne(taken, [(1, unknown), (2, good), (3, other)]), Is.EqualTo(new[] { 2, 3, 1 }));
    }

    [Test]
    public void Promote_SlotsOfTheRange_NoLongerCountAsOthers()
    {
        var slots = new TestSlots(limit: 3, reserve: 1);
        slots.Take(1);
        slots.Take(2).NoteGood();
        slots.Slots.Promote(TestSlots.Range(1));
        var last = slots.Take(3, ClientStanding.Good);
        var waiters = Enumerable.Range(10, 10).Select(client => slots.Wait(client, ClientStanding.Good)).ToList();
        var others = Enumerable.Range(20, 10).Select(client => slots.Wait(client)).ToList();
        foreach (var waiter in waiters[..5])
        {
            last.Dispose();
            last = waiter.Granted ?? last;
        }

        // None of theirs is held, so two turns are open to them; the fifth slot is the first one.
        Assert.That((Granted(waiters), Granted(others)), Is.EqualTo((4, 1)));
    }

    [Test]
    public void GiveBack_OfAll_LeavesNothing()
    {
        var slots = new TestSlots(limit: 5);
        var held = Enumerable.Range(0, 5).Select(client => slots.Take(client)).ToList();
        var waiters = Enumerable.Range(0, 1000).Select(number => slots.Wait(number % 300)).ToList();
        Assert.That((slots.Slots.Waiting, slots.Slots.Ranges), Is.EqualTo((1000, 300)));

        foreach (var waiter in waiters)
            waiter.Leave();
        foreach (var slot in held)
            slot.Dispose();
        Assert.That((slots.Slots.Used, slots.Slots.Waiting, slots.Slots.Ranges), Is.EqualTo((0, 0, 0)));
    }

    private static int Count(List<Slot> slots, ClientStanding standing) => slots.Count(slot => slot.Standing == standing);

    private static int Granted(List<SlotWaiter> waiters) => waiters.Count(static waiter => waiter.Granted is not null);

    private static List<(int Client, SlotWaiter Waiter)> Waiters(TestSlots slots, params int[] clients) =>
        [.. clients.Select(client => (client, slots.Wait(client)))];
}
