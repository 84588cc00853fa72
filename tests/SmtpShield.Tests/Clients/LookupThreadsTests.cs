using System.Collections.Concurrent;
using SmtpShield.Clients;

namespace SmtpShield.Tests.Clients;

public class LookupThreadsTests
{
    [Test, CancelAfter(20_000)]
    public void TryRun_MoreThanThreads_RunsAllOnNoMoreThanItsThreadsAndEndsThem(CancellationToken cancellationToken)
    {
        var threads = new LookupThreads();
        var used = new ConcurrentDictionary<Thread, bool>();
        using var gate = new ManualResetEventSlim();
        using var begun = new SemaphoreSlim(0);
        for (var i = 0; i < 100; i++)
        {
            Assert.That(threads.TryRun(() =>
            {
                used[Thread.CurrentThread] = Thread.CurrentThread is { IsThreadPoolThread: false, IsBackground: true };
                begun.Release();
                gate.Wait(cancellationToken);
            }), Is.True);
        }

        for (var i = 0; i < LookupThreads.MaxCount; i++)
            begun.Wait(cancellationToken);
        var early = begun.CurrentCount;
        gate.Set();
        for (var i = LookupThreads.MaxCount; i < 100; i++)
            begun.Wait(cancellationToken);
        foreach (var thread in used.Keys)
            thread.Join();

        Assert.That((early, used.Count), Is.EqualTo((0, LookupThreads.MaxCount)));
        Assert.That(used.Values, Is.All.True);
    }

    [Test, CancelAfter(20_000)]
    public void TryRun_AfterItsThreadsHaveEnded_StartsOneAgain(CancellationToken cancellationToken)
    {
        var threads = new LookupThreads();
        for (var i = 0; i < 3 * LookupThreads.MaxCount; i++)
        {
            using var done = new ManualResetEventSlim();
            Thread? used = null;
            threads.TryRun(() =>
            {
                used = Thread.CurrentThread;
                done.Set();
            });
            done.Wait(cancellationToken);
            used!.Join();
        }
    }
}
