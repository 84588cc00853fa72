using SmtpShield.Mta.Slots;

namespace SmtpShield.Tests.Mta.Slots;

[NonParallelizable]
public class SlotWaiterTests
{
    private const int Interleavings = 100_000;

    [Test]
    [CancelAfter(10_000)]
    public void Enqueue_GrantedLater_WakesTheSession(CancellationToken cancellationToken)
    {
        var slots = new TestSlots(limit: 1);
        using var woken = new ManualResetEventSlim();
        var taken = slots.Take(1);
        var waiter = SlotWaiter.Enqueue([slots.Slots], TestSlots.Range(2), ClientStanding.Unknown, woken.Set);
        taken.Dispose();

        Assert.That(() => woken.Wait(cancellationToken), Throws.Nothing);
        Assert.That(waiter.Granted?.Client, Is.EqualTo(TestSlots.Range(2)));
    }

    [Test]
    public void Enqueue_OneIsFree_IsGrantedAtOnce()
    {
        var slots = new TestSlots(limit: 1);

        Assert.That(slots.Wait(1).Granted, Is.Not.Null);
    }

    [Test]
    public void Leave_WhileQueued_IsNeverGranted()
    {
        var slots = new TestSlots(limit: 1);
        var taken = slots.Take(1);
        var waiter = slots.Wait(2);
        var next = slots.Wait(3);

        Assert.That((waiter.Leave(), waiter.Leave(), waiter.IsQueued), Is.EqualTo(((Slot?)null, (Slot?)null, false)));
        taken.Dispose();
        Assert.That((waiter.Granted is null, next.Granted is not null), Is.EqualTo((true, true)));
    }

    [Test]
    [Property("Pool", "SEAM-4")]
    public void Leave_GrantedInTheSameTick_PassesTheSlotOn()
    {
        var slots = new TestSlots(limit: 1);
        var taken = slots.Take(1);
        var waiter = slots.Wait(2);
        var next = slots.Wait(3);
        taken.Dispose();
        waiter.Leave()?.Dispose();

        Assert.That((next.Granted is not null, slots.Slots.Used), Is.EqualTo((true, 1)));
    }

    [Test]
    [CancelAfter(120_000)]
    [Property("Pool", "FAIR-5")]
    [Property("Pool", "SEAM-5")]
    public void Leave_WhileASlotIsGranted_ExactlyOneWins(CancellationToken cancellationToken)
    {
        // Slots are given back and waiters leave from the same end, so the two threads meet at the same waiters all along.
        const int Batch = 1000;
        var slots = new TestSlots(Batch);
        using var start = new Barrier(2);
        var (granted, left) = (0, 0);
        for (var batch = 0; batch < Interleavings / Batch && !cancellationToken.IsCancellationRequested; batch++)
        {
            var held = Enumerable.Range(0, Batch).Select(client => slots.Take(client)).ToArray();
            var waiters = Enumerable.Range(Batch, Batch).Select(client => slots.Wait(client)).ToArray();
            var giver = new Thread(() =>
            {
                start.SignalAndWait(CancellationToken.None);
                foreach (var slot in held)
                    slot.Dispose();
            });
            giver.Start();
            var won = new List<Slot>();
            start.SignalAndWait(cancellationToken);
            foreach (var waiter in waiters)
            {
                if (waiter.Leave() is { } slot)
                    won.Add(slot);
                else
                    left++;
            }

            giver.Join();
            Assert.That((slots.Slots.Used, slots.Slots.Waiting), Is.EqualTo((won.Count, 0)));
            Assert.That(waiters.Select(static waiter => waiter.Granted).OfType<Slot>(), Is.EqualTo(won).And.Unique);
            granted += won.Count;
            foreach (var slot in won)
                slot.Dispose();
        }

        TestContext.Out.WriteLine($"{granted} granted, {left} left");
        Assert.That((granted + left, slots.Slots.Used, slots.Slots.Waiting, slots.Slots.Ranges), Is.EqualTo((Interleavings, 0, 0, 0)));
    }

    [Test]
    [CancelAfter(120_000)]
    [Property("Pool", "FAIR-5")]
    public void Enqueue_ManySessionsAtSeveralDestinations_NeverMoreThanTheLimitAndNothingIsLeft(CancellationToken cancellationToken)
    {
        const int Limit = 3;
        var destinations = Enumerable.Range(0, 3).Select(_ => new TestSlots(Limit)).ToArray();
        var used = new int[destinations.Length];
        var (most, granted) = (0, 0);
        Parallel.For(0, 8, worker =>
        {
            var random = new Random(worker);
            for (var round = 0; round < Interleavings / 8 && !cancellationToken.IsCancellationRequested; round++)
            {
                var client = random.Next(5);
                MtaSlots[] wanted = [.. destinations.Select(static destination => destination.Slots).Where(_ => random.Next(3) > 0)];
                if (wanted.Length == 0)
                    continue;

                var standing = (ClientStanding)random.Next(OfStandings<int>.Count);
                var waiters = Enumerable.Range(0, 4).Select(_ => SlotWaiter.Enqueue(wanted, TestSlots.Range(client), standing, static () => { })).ToList();
                Thread.SpinWait(random.Next(200));
                foreach (var waiter in waiters)
                {
                    if (waiter.Leave() is not { } slot)
                        continue;

                    var index = Array.FindIndex(destinations, destination => destination.Slots == slot.Slots);
                    var now = Interlocked.Increment(ref used[index]);
                    if (now > Limit)
                        Interlocked.Exchange(ref most, now);
                    Interlocked.Increment(ref granted);
                    Thread.SpinWait(random.Next(50));
                    Interlocked.Decrement(ref used[index]);
                    slot.Dispose();
                    slot.Dispose();
                }
            }
        });

        Assert.That((most, granted), Is.EqualTo((0, granted)));
        Assert.That(granted, Is.Positive);
        // Who was granted a slot leaves the other queues a moment later.
        Assert.That(() => destinations.Sum(static destination => Left(destination.Slots)), Is.Zero.After(10_000, 10));
    }

    [Test]
    [Property("Pool", "FAIR-13")]
    public void Enqueue_TwoServicesAtOneDestination_ShareItsLimitAndBothAreServed()
    {
        // The services' pools have one destination in common, and each another one of its own, which is full.
        var (common, first, second) = (new TestSlots(limit: 2), new TestSlots(limit: 1), new TestSlots(limit: 1));
        first.Take(100);
        second.Take(101);
        Slot[] held = [common.Take(1), common.Take(2)];
        var waiters = Enumerable.Range(10, 6).Select(client => SlotWaiter.Enqueue(
            [common.Slots, client % 2 == 0 ? first.Slots : second.Slots], TestSlots.Range(client), ClientStanding.Unknown, static () => { })).ToList();

        held[0].Dispose();
        held[1].Dispose();
        Assert.That((common.Slots.Used, Order(waiters)), Is.EqualTo((2, "++----")));
        waiters[0].Granted!.Dispose();
        waiters[1].Granted!.Dispose();
        Assert.That((common.Slots.Used, Order(waiters)), Is.EqualTo((2, "++++--")));
    }

    [Test]
    public void Enqueue_SeveralDestinationsAreFull_TheFirstOneThatIsFreeWins()
    {
        var (one, two) = (new TestSlots(limit: 1), new TestSlots(limit: 1));
        var (atOne, atTwo) = (one.Take(1), two.Take(1));
        var waiter = SlotWaiter.Enqueue([one.Slots, two.Slots], TestSlots.Range(2), ClientStanding.Unknown, static () => { });
        atTwo.Dispose();
        Assert.That(waiter.Granted?.Slots, Is.SameAs(two.Slots));

        // It leaves the other queue before the session is woken, though nothing happens there.
        Assert.That(() => one.Slots.Waiting, Is.Zero.After(10_000, 10));
        atOne.Dispose();
        Assert.That((one.Slots.Used, two.Slots.Used), Is.EqualTo((0, 1)));
    }

    [Test]
    public void Enqueue_WaiterThatIsGrantedOrHasLeft_DoesNotWait()
    {
        var (one, two) = (new TestSlots(limit: 1), new TestSlots(limit: 1));
        two.Take(1);
        var granted = one.Wait(2);
        var left = two.Wait(3);
        left.Leave();
        two.Slots.Enqueue(granted, TestSlots.Range(2), ClientStanding.Unknown);
        two.Slots.Enqueue(left, TestSlots.Range(3), ClientStanding.Unknown);

        Assert.That((two.Slots.Waiting, two.Slots.Ranges), Is.EqualTo((0, 1)));
    }

    [Test]
    [Property("Pool", "SEAM-27")]
    public void Leave_FiveThousandAtOnce_LeavesNothing()
    {
        var slots = new TestSlots(limit: 1);
        slots.Take(1);
        var waiters = Enumerable.Range(0, 5000).Select(client => slots.Wait(client)).ToArray();
        Parallel.ForEach(waiters, static waiter => waiter.Leave());

        Assert.That((slots.Slots.Waiting, slots.Slots.Ranges, slots.Slots.Used), Is.EqualTo((0, 1, 1)));
    }

    [Test]
    [Property("Pool", "FAIR-11")]
    public void Enqueue_TenThousandRanges_TakeTwoHundredOctetsEach()
    {
        const int Waiters = 10_000;
        var slots = new TestSlots(limit: 1);
        var taken = slots.Take(Waiters);
        var waiters = new SlotWaiter[Waiters];
        MtaSlots[] destinations = [slots.Slots];
        static void Wake()
        {
        }

        Action wake = Wake;
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var client = 0; client < Waiters; client++)
            waiters[client] = SlotWaiter.Enqueue(destinations, TestSlots.Range(client), ClientStanding.Unknown, wake);
        var each = (GC.GetTotalMemory(forceFullCollection: true) - before) / (double)Waiters;
        TestContext.Out.WriteLine($"{each} octets");

        GC.KeepAlive(waiters);
        GC.KeepAlive(taken);
        Assert.That(each, Is.AtMost(200));
    }

    [Test]
    [Property("Pool", "FAIR-11")]
    public void Grant_FiftyThousand_AreInOrder()
    {
        var slots = new TestSlots(limit: 1);
        var taken = slots.Take(60_000);
        var waiters = new Queue<SlotWaiter>(Enumerable.Range(0, 10_000).Select(client => slots.Wait(client)));
        for (var client = 10_000; client < 60_000; client++)
        {
            taken.Dispose();
            taken = waiters.Dequeue().Granted ?? throw new AssertionException($"Grant {client - 10_000} was somebody else's.");
            waiters.Enqueue(slots.Wait(client));
        }

        Assert.That(slots.Slots.Waiting, Is.EqualTo(10_000));
    }

    private static int Left(MtaSlots slots) => slots.Waiting + slots.Ranges + slots.Used;

    private static string Order(List<SlotWaiter> waiters) => string.Concat(waiters.Select(static waiter => waiter.Granted is null ? '-' : '+'));
}
