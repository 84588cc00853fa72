using SmtpShield.Mta.Slots;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Mta.Slots;

public class LongWaitsTests
{
    [Test]
    public void Count_OneWaiter_CountsAfterASecond()
    {
        var time = new FakeTimeProvider();
        var waits = new LongWaits(time);
        waits.Enter(Place(0, ClientStanding.Good));
        time.Advance(TimeSpan.FromMilliseconds(999));
        var before = waits.Count();
        time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.That((before.Sum, waits.Count().Good, waits.Count().Sum), Is.EqualTo((0, 1, 1)));
    }

    [Test]
    public void Count_WaitersThatComeAndGo_IsNeverEarlyAndAtMostAStepLate([Values(1, 2, 3, 4, 5)] int seed)
    {
        var random = new Random(seed);
        var time = new FakeTimeProvider();
        var waits = new LongWaits(time);
        var waiters = new List<(WaitingPlace Place, TimeSpan CameAt)>();
        // Numbers start again on the way.
        var number = uint.MaxValue - 500;
        for (var first = 0; first < 8; first++)
        {
            var place = Place(number++, ClientStanding.Good);
            waits.Enter(place);
            waits.Change(place, -1);
            time.Advance(LongWaits.Step);
        }

        for (var step = 0; step < 5000; step++)
        {
            time.Advance(TimeSpan.FromMilliseconds(random.Next(3) == 0 ? random.Next(200) : 0));
            if (random.Next(2) == 0)
            {
                waiters.Add((Place(number++, random.Next(2) == 0 ? ClientStanding.Good : ClientStanding.Bad), time.Elapsed));
                waits.Enter(waiters[^1].Place);
            }
            else if (waiters.Count > 0)
            {
                var index = random.Next(waiters.Count);
                waits.Change(waiters[index].Place, -1);
                if (random.Next(2) == 0)
                {
                    waiters[index].Place.Standing = ClientStanding.Good;
                    waits.Change(waiters[index].Place, 1);
                }
                else
                {
                    waiters.RemoveAt(index);
                }
            }

            var counts = waits.Count();
            Assert.That(counts.Good, Is.InRange(Waited(true, LongWaits.Patience + LongWaits.Step), Waited(true, LongWaits.Patience)), $"step {step}");
            Assert.That(counts.Others, Is.InRange(Waited(false, LongWaits.Patience + LongWaits.Step), Waited(false, LongWaits.Patience)), $"step {step}");
        }

        int Waited(bool isGood, TimeSpan least) =>
            waiters.Count(waiter => waiter.Place.Standing == ClientStanding.Good == isGood && time.Elapsed - waiter.CameAt >= least);
    }

    // One that is in no queue: of a full destination it was taken out again.
    private static SlotWaiter Place(uint number, ClientStanding standing)
    {
        var slots = new TestSlots(limit: 0);
        var waiter = slots.Wait(0);
        waiter.Leave();
        (waiter.Number, waiter.Standing) = (number, standing);
        return waiter;
    }
}
