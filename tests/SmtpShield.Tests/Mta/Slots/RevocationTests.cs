using SmtpShield.Mta.Slots;

namespace SmtpShield.Tests.Mta.Slots;

public class RevocationTests
{
    private TestSlots _slots = null!;
    private Revocation _revocation = null!;

    [SetUp]
    public void Create()
    {
        _slots = new(limit: 3);
        _revocation = new(_slots.Time);
    }

    [Test]
    public void Look_NobodyWaits_AsksNobody()
    {
        Hold(1, SlotUse.Releasable);
        Pass(120);

        Assert.That(Look(), Is.Zero);
    }

    [Test]
    [Property("Pool", "FAIR-7")]
    public void Look_SomebodyWaits_WhoCanGiveItsSlotBackIsAskedAtOnce()
    {
        var (kept, releasable, silent) = (Hold(1, SlotUse.Kept), Hold(2, SlotUse.Releasable), Hold(3, SlotUse.Client));
        _slots.Wait(4);

        Assert.That((Look(), kept.Demand, releasable.Demand, silent.Demand), Is.EqualTo((1, SlotDemand.None, SlotDemand.Release, SlotDemand.None)));
    }

    [Test]
    public void Look_ReleaseLiesAhead_IsAskedThenAndNotBefore()
    {
        var slot = Hold(1, SlotUse.Kept);
        Hold(2, SlotUse.Kept);
        Hold(3, SlotUse.Kept);
        slot.Note(SlotUse.Releasable, _slots.Time.GetTimestamp() + TimeSpan.FromSeconds(5).Ticks);
        _slots.Wait(4);
        Pass(4.999);
        var before = Look();
        Pass(0.001);

        Assert.That((before, Look(), slot.Demand), Is.EqualTo((0, 1, SlotDemand.Release)));
    }

    [Test]
    [Property("Pool", "FAIR-8")]
    public void Look_SilentClient_IsAskedWhenItHasBeenSoForTenSecondsAndSomebodyHasWaitedForOne()
    {
        var (first, second) = (Hold(1, SlotUse.Client), Hold(2, SlotUse.Kept));
        Pass(1);
        var third = Hold(3, SlotUse.Client);
        Pass(8.5);
        _slots.Wait(4);
        Pass(0.5);
        Assert.That(Look(), Is.Zero, "Silent for long enough, but nobody has waited for a second.");

        Pass(0.5);
        Assert.That((Look(), first.Demand, second.Demand, third.Demand), Is.EqualTo((1, SlotDemand.End, SlotDemand.None, SlotDemand.None)));
        Pass(30);
        Assert.That(Look(), Is.Zero, "One for each waiter.");
    }

    [Test]
    [Property("Pool", "FAIR-9")]
    public void Look_SlowContent_IsAskedAndFastIsNot()
    {
        var (slow, fast, waits) = (Hold(1, SlotUse.Content), Hold(2, SlotUse.Content), Hold(3, SlotUse.Kept));
        _slots.Wait(4);
        _slots.Wait(5);
        for (var second = 0; second < 12; second++)
        {
            Pass(1);
            slow.NoteContent(600, 5000, _slots.Time.GetTimestamp());
            fast.NoteContent(5000, 5000, _slots.Time.GetTimestamp());
            Assert.That(Look(), Is.EqualTo(second == 9 ? 1 : 0), $"second {second}");
        }

        Assert.That((slow.Demand, fast.Demand, waits.Demand), Is.EqualTo((SlotDemand.End, SlotDemand.None, SlotDemand.None)));
    }

    [Test]
    public void Look_ContentThatStops_IsSlowWithinTenSeconds()
    {
        var slot = Hold(1, SlotUse.Content);
        Hold(2, SlotUse.Kept);
        Hold(3, SlotUse.Kept);
        _slots.Wait(4);
        Pass(20);
        slot.NoteContent(1_000_000, 5000, _slots.Time.GetTimestamp());
        Pass(10);
        var before = Look();
        Pass(1);

        Assert.That((before, Look()), Is.EqualTo((0, 1)));
    }

    [Test]
    [Property("Pool", "FAIR-10")]
    public void Look_AllWaitForTheMta_AsksNobody()
    {
        for (var client = 1; client <= 3; client++)
            Hold(client, SlotUse.Kept);
        _slots.Wait(4);
        Pass(600);

        Assert.That(Look(), Is.Zero);
    }

    [Test]
    public void Look_Order_ReleaseThenSilenceThenContentAndBadClientsFirst()
    {
        _slots = new(limit: 9);
        _revocation = new(_slots.Time);
        var content = Hold(1, SlotUse.Content, ClientStanding.Bad);
        content.NoteContent(0, 5000, _slots.Time.GetTimestamp());
        var good = Hold(2, SlotUse.Client, ClientStanding.Good);
        var unknown = Hold(3, SlotUse.Client);
        var bad = Hold(4, SlotUse.Client, ClientStanding.Bad);
        Pass(1);
        var later = Hold(5, SlotUse.Client);
        var releasable = Hold(6, SlotUse.Releasable, ClientStanding.Exempt);
        Hold(7, SlotUse.Kept);
        Hold(8, SlotUse.Kept);
        Hold(9, SlotUse.Kept);
        var slots = new List<Slot> { content, good, unknown, bad, later, releasable };
        Pass(60);

        var order = new List<Slot>();
        for (var client = 10; client < 17; client++)
        {
            _slots.Wait(client);
            Pass(1);
            Look();
            order.AddRange(slots.Where(slot => slot.Demand != SlotDemand.None && !order.Contains(slot)));
        }

        Assert.That(order.Select(slot => slots.IndexOf(slot)), Is.EqualTo(new[] { 5, 3, 2, 4, 1, 0 }));
    }

    [TestCase(59.9, 0)]
    [TestCase(60, 1)]
    public void Look_KnownGoodClient_IsAskedAfterAMinute(double seconds, int asked)
    {
        Hold(1, SlotUse.Client, ClientStanding.Good);
        Hold(2, SlotUse.Kept);
        Hold(3, SlotUse.Kept);
        _slots.Wait(4);
        Pass(seconds);

        Assert.That(Look(), Is.EqualTo(asked));
    }

    [Test]
    public void Look_WaitersThatTheirOwnShareKeepsWaiting_TakeNothingFromOthers()
    {
        _slots = new(limit: 20, reserve: 5);
        _revocation = new(_slots.Time);
        Hold(1, SlotUse.Releasable);
        Hold(2, SlotUse.Client);
        _slots.Wait(1);
        _slots.Wait(1);
        Pass(60);

        Assert.That(Look(), Is.Zero);
    }

    [Test]
    public void Look_WaiterAtSeveralDestinations_IsHelpedByOneOfThem()
    {
        TestSlots[] destinations = [new(limit: 1), new(limit: 1)];
        MtaSlots[] slots = [.. destinations.Select(static destination => destination.Slots)];
        var (kept, silent) = (destinations[0].Take(1), destinations[1].Take(2));
        kept.Note(SlotUse.Kept, 0);
        silent.Note(SlotUse.Client, 0);
        SlotWaiter.Enqueue(slots, TestSlots.Range(3), ClientStanding.Unknown, static () => { });
        foreach (var destination in destinations)
            destination.Time.Advance(TimeSpan.FromSeconds(20));
        var revocation = new Revocation(destinations[0].Time);
        var first = revocation.Look(slots);
        kept.Note(SlotUse.Releasable, 0);

        Assert.That((first, revocation.Look(slots), silent.Demand), Is.EqualTo((1, 0, SlotDemand.End)));
    }

    [Test]
    [Property("Pool", "SEAM-7")]
    public void Decline_TheCommandCameFirst_OthersAreAskedInItsPlace()
    {
        var first = Hold(1, SlotUse.Client);
        Pass(1);
        var second = Hold(2, SlotUse.Client);
        Hold(3, SlotUse.Kept);
        _slots.Wait(4);
        Pass(10);
        Look();
        first.Note(SlotUse.Kept, _slots.Time.GetTimestamp());
        first.Decline();

        Assert.That((Look(), first.Demand, second.Demand), Is.EqualTo((1, SlotDemand.None, SlotDemand.End)));
    }

    [Test]
    [CancelAfter(10_000)]
    public void Look_WhoIsAsked_IsWoken(CancellationToken cancellationToken)
    {
        using var woken = new ManualResetEventSlim();
        _slots.Slots.TryTake(TestSlots.Range(1), ClientStanding.Unknown, woken.Set)!.Note(SlotUse.Releasable, _slots.Time.GetTimestamp());
        Hold(2, SlotUse.Kept);
        Hold(3, SlotUse.Kept);
        _slots.Wait(4);
        Look();

        Assert.That(() => woken.Wait(cancellationToken), Throws.Nothing);
    }

    private Slot Hold(int client, SlotUse use, ClientStanding standing = ClientStanding.Unknown)
    {
        var slot = _slots.Take(client, standing);
        slot.Note(use, _slots.Time.GetTimestamp());
        return slot;
    }

    private int Look() => _revocation.Look([_slots.Slots]);

    private void Pass(double seconds) => _slots.Time.Advance(TimeSpan.FromSeconds(seconds));
}
