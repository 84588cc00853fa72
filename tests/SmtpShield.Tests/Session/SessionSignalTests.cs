using SmtpShield.Session;

namespace SmtpShield.Tests.Session;

[NonParallelizable]
public class SessionSignalTests
{
    [Test]
    public void Wait_SetBefore_CompletesAtOnceAndClears()
    {
        var signal = new SessionSignal();
        signal.Set();

        var first = signal.WaitAsync();
        var second = signal.WaitAsync();

        Assert.That((first.IsCompletedSuccessfully, second.IsCompleted), Is.EqualTo((true, false)));
    }

    [Test]
    public void Wait_SetTwiceBefore_CompletesOnce()
    {
        var signal = new SessionSignal();
        signal.Set();
        signal.Set();

        var first = signal.WaitAsync();
        var second = signal.WaitAsync();

        Assert.That((first.IsCompleted, second.IsCompleted), Is.EqualTo((true, false)));
    }

    [Test]
    public async Task Set_WhileWaited_CompletesTheWait()
    {
        var signal = new SessionSignal();
        var wait = signal.WaitAsync();
        var before = wait.IsCompleted;

        signal.Set();

        Assert.That((before, wait.IsCompletedSuccessfully), Is.EqualTo((false, true)));
        await wait;
    }

    [Test]
    public async Task Set_TwiceWhileWaited_KeepsTheSecondForTheNextWait()
    {
        var signal = new SessionSignal();
        var wait = signal.WaitAsync();
        signal.Set();
        signal.Set();
        await wait;
        var first = signal.WaitAsync();
        var second = signal.WaitAsync();

        Assert.That((first.IsCompleted, second.IsCompleted), Is.EqualTo((true, false)));
    }

    [Test]
    public void Set_WhileWaited_GoesOnInline()
    {
        var signal = new SessionSignal();
        var thread = 0;
        _ = WaitAndNoteAsync();

        signal.Set();

        Assert.That(thread, Is.EqualTo(Environment.CurrentManagedThreadId));

        async Task WaitAndNoteAsync()
        {
            await signal.WaitAsync().ConfigureAwait(false);
            thread = Environment.CurrentManagedThreadId;
        }
    }

    [Test, CancelAfter(60_000)]
    public async Task Set_FromTwoThreadsAtATime_WakesTheWaiterAndNeverFails(CancellationToken cancellationToken)
    {
        // Each round both threads set the signal at the same moment while the loop waits: one of them wakes it, neither may fail.
        const int Rounds = 200_000;
        var signal = new SessionSignal();
        var (arrived, set, seen) = (0, 0, 0);
        var setters = Enumerable.Range(0, 2)
            .Select(_ => Task.Factory.StartNew(Set, cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default)).ToArray();

        var loop = LoopAsync();
        await Task.WhenAll(setters).WaitAsync(cancellationToken);
        await loop.WaitAsync(cancellationToken);

        Assert.That(seen, Is.EqualTo(2 * Rounds));

        void Set()
        {
            try
            {
                for (var i = 1; i <= Rounds; i++)
                {
                    Interlocked.Increment(ref set);
                    Interlocked.Increment(ref arrived);
                    for (var spins = 1; Volatile.Read(ref arrived) < 2 * i; spins++)
                    {
                        if (spins % 1000 == 0)
                            Thread.Yield();
                    }

                    signal.Set();
                }
            }
            finally
            {
                // The other one does not wait for a thread that has failed.
                Interlocked.Add(ref arrived, 2 * Rounds);
            }
        }

        // A signal that is lost leaves the loop asleep although there is something it has not seen.
        async Task LoopAsync()
        {
            while ((seen = Volatile.Read(ref set)) < 2 * Rounds)
                await signal.WaitAsync().ConfigureAwait(false);
        }
    }

    [Test, CancelAfter(60_000)]
    public async Task Set_FromManyThreadsAgainstWaits_LosesNoSignal(CancellationToken cancellationToken)
    {
        const int Setters = 4;
        const int PerSetter = 50_000;
        var signal = new SessionSignal();
        var set = 0;

        var loop = Task.Run(LoopAsync, cancellationToken);
        await Task.WhenAll(Enumerable.Range(0, Setters)
            .Select(_ => Task.Factory.StartNew(Set, cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default))).WaitAsync(cancellationToken);

        await loop.WaitAsync(cancellationToken);
        Assert.That(set, Is.EqualTo(Setters * PerSetter));

        void Set()
        {
            for (var i = 0; i < PerSetter; i++)
            {
                Interlocked.Increment(ref set);
                signal.Set();
            }
        }

        async Task LoopAsync()
        {
            while (Volatile.Read(ref set) < Setters * PerSetter)
                await signal.WaitAsync().ConfigureAwait(false);
        }
    }

    [Test]
    public void WaitAndSet_Repeatedly_AllocateNothing()
    {
        var signal = new SessionSignal();
        Cycle(1000);
        var before = GC.GetAllocatedBytesForCurrentThread();

        Cycle(1000);

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);

        void Cycle(int count)
        {
            for (var i = 0; i < count; i++)
            {
                var wait = signal.WaitAsync();
                signal.Set();
                wait.GetAwaiter().GetResult();
            }
        }
    }
}
