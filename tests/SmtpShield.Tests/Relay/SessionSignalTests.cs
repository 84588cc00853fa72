using SmtpShield.Relay;

namespace SmtpShield.Tests.Relay;

[CancelAfter(20_000)]
internal sealed class SessionSignalTests
{
    [Test]
    public async Task Set_ManyThreadsAtOnce_WakesTheWaiterAndThrowsNowhere(CancellationToken cancellationToken)
    {
        const int Rounds = 300_000;
        var signal = new SessionSignal();
        var count = new int[2];
        var waiting = Task.Run(
            async () =>
            {
                while (Volatile.Read(ref count[0]) + Volatile.Read(ref count[1]) < 2 * Rounds)
                    await signal.WaitAsync();
            },
            cancellationToken);

        var arrived = 0;
        var setting = Enumerable.Range(0, 2).Select(thread => Task.Factory.StartNew(
            () =>
            {
                for (var round = 0; round < Rounds; round++)
                {
                    // Spinning, not a Barrier: only setters that are nanoseconds apart meet in the same wait.
                    Interlocked.Increment(ref arrived);
                    while (Volatile.Read(ref arrived) < 2 * (round + 1))
                        cancellationToken.ThrowIfCancellationRequested();
                    Volatile.Write(ref count[thread], round + 1);
                    signal.Set();
                }
            },
            cancellationToken,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default));

        await Task.WhenAll(setting);
        await waiting.WaitAsync(cancellationToken);
    }
}
