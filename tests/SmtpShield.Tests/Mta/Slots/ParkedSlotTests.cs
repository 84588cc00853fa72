using SmtpShield.Clients;
using SmtpShield.Mta.Slots;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Mta.Slots;

/// <summary>Sessions that have no client count, but are nobody's.</summary>
internal sealed class ParkedSlotTests
{
    private static readonly ClientRange s_one = ClientRange.Of(System.Net.IPAddress.Parse("192.0.2.1"), 32, 64);
    private static readonly ClientRange s_other = ClientRange.Of(System.Net.IPAddress.Parse("192.0.2.2"), 32, 64);

    [Test, Property("Pool", "P1")]
    public void TryPark_CountsAndIsHeldByNobody()
    {
        var slots = New(limit: 2);
        var slot = Take(slots, s_one)!;
        Assert.That(slots.TryPark(slot, isPressed: false), Is.True);

        Assert.That((slots.Used, slots.InUse, slots.HeldBy(s_one), slots.Ranges), Is.EqualTo((1, 0, 0, 0)));
        Assert.That((Take(slots, s_one) is not null, Take(slots, s_one) is not null), Is.EqualTo((true, false)), "it is one of two");
        slot.Dispose();
        slot.Dispose();
        Assert.That((slots.Used, slots.InUse, Take(slots, s_one) is not null), Is.EqualTo((1, 1, true)));
    }

    [Test, Property("Pool", "P1")]
    public void TryUnpark_IsTheOtherClients()
    {
        var slots = New(limit: 1);
        var parked = Take(slots, s_one)!;
        slots.TryPark(parked, isPressed: false);
        var taken = slots.TryUnpark(parked, s_other, ClientStanding.Unknown, static () => { })!;
        Assert.That((slots.Used, slots.InUse, slots.HeldBy(s_one), slots.HeldBy(s_other)), Is.EqualTo((1, 1, 0, 1)));
        Assert.That(slots.TryUnpark(parked, s_one, ClientStanding.Unknown, static () => { }), Is.Null, "once");
        parked.Dispose();
        Assert.That(slots.Used, Is.EqualTo(1));
        taken.Dispose();

        Assert.That((slots.Used, slots.InUse, slots.Ranges), Is.EqualTo((0, 0, 0)));
    }

    [Test, Property("Pool", "FAIR-1")]
    public void TryUnpark_OnlyTheReserveWouldBeFree_IsForKnownGoodClientsAlone()
    {
        var slots = New(limit: 2, reserve: 1);
        var good = Take(slots, s_one, ClientStanding.Good)!;
        Take(slots, s_other, ClientStanding.Good);
        slots.TryPark(good, isPressed: false);

        Assert.That(slots.TryUnpark(good, s_other, ClientStanding.Unknown, static () => { }), Is.Null);
        Assert.That(slots.TryUnpark(good, s_other, ClientStanding.Good, static () => { }), Is.Not.Null);
    }

    [Test, Property("Pool", "FAIR-3")]
    public void TryPark_SomebodyWaits_Refuses()
    {
        var slots = New(limit: 1);
        var slot = Take(slots, s_one)!;
        var waiter = SlotWaiter.Enqueue([slots], s_other, ClientStanding.Unknown, static () => { });

        Assert.That(slots.TryPark(slot, isPressed: false), Is.False);
        slot.Dispose();
        Assert.That(waiter.Granted, Is.Not.Null);
    }

    [Test, Property("Pool", "FAIR-3")]
    public void ParkedInTheWay_OfWaitersAndOfALowerLimit()
    {
        var slots = New(limit: 3);
        Slot[] all = [Take(slots, s_one)!, Take(slots, s_one)!, Take(slots, s_one)!];
        slots.TryPark(all[0], isPressed: false);
        slots.TryPark(all[1], isPressed: false);
        Assert.That(slots.ParkedInTheWay, Is.Zero);
        SlotWaiter.Enqueue([slots], s_other, ClientStanding.Unknown, static () => { });
        Assert.That(slots.ParkedInTheWay, Is.EqualTo(1));
        slots.Terms = slots.Terms with { Limit = 1 };

        Assert.That(slots.ParkedInTheWay, Is.EqualTo(2));
    }

    [Test, Property("Pool", "REUSE-9")]
    public void TryPark_MoreThanWereInUseAtOnceLately_Refuses()
    {
        var slots = New(limit: 10);
        foreach (var slot in (Slot[])[Take(slots, s_one)!, Take(slots, s_one)!])
            slot.Dispose();
        for (var i = 0; i < RecentPeak.Seconds; i++)
            slots.EndSecond();
        Assert.That((slots.TryPark(Take(slots, s_one)!, isPressed: false), slots.TryPark(Take(slots, s_one)!, isPressed: false)),
            Is.EqualTo((true, true)), "in the tenth second two still count");
        slots.EndSecond();
        Assert.That(slots.TryPark(Take(slots, s_one)!, isPressed: false), Is.False);
    }

    [Test, Property("Pool", "REUSE-9")]
    public void TryPark_Pressed_KeepsNoMoreThanAreInUse()
    {
        var slots = New(limit: 10);
        Slot[] all = [Take(slots, s_one)!, Take(slots, s_one)!, Take(slots, s_one)!];

        Assert.That((slots.TryPark(all[0], isPressed: true), slots.TryPark(all[1], isPressed: true)), Is.EqualTo((true, false)));
    }

    private static MtaSlots New(int limit, int reserve = 0) => new(new FakeTimeProvider(), new(limit, reserve, ClientShare: 0));

    private static Slot? Take(MtaSlots slots, in ClientRange client, ClientStanding standing = ClientStanding.Unknown) =>
        slots.TryTake(client, standing, static () => { });
}
