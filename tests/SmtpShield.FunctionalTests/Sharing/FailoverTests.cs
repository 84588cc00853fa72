using SmtpShield.Limits.Shared;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Sharing;
using StackExchange.Redis;

namespace SmtpShield.FunctionalTests.Sharing;

/// <summary>A replica becomes primary that lacks what the primary had acknowledged: the store is found again, and asks for everything.</summary>
[CancelAfter(120_000)]
internal sealed class FailoverTests
{
    private const int Failures = 20;

    private static readonly TimeSpan s_rest = TimeSpan.FromMilliseconds(20);

    [Test]
    [Property("Sharing", "SHARE-16")]
    public async Task Exchange_WithAReplicaThatHasTakenOver_IsAskedForEverything(CancellationToken cancellationToken)
    {
        if (!RedisInstance.IsInstalled)
            Assert.Ignore("redis-server is not installed (tests/run installs it when it runs as root)");
        await using var primary = await RedisInstance.StartAsync(cancellationToken);
        await using var replica = await RedisInstance.StartAsync(
            cancellationToken, $"replicaof 127.0.0.1 {primary.EndPoint.Port}", "repl-diskless-sync-delay 0");
        await using var admin = await ConnectionMultiplexer.ConnectAsync($"{replica.EndPoint},allowAdmin=true");
        var server = admin.GetServer(replica.EndPoint);
        await using var opened = RedisStores.Open($"{replica.Address}+{primary.Address}", "smtpshield");
        var store = opened.Partition(0);
        var first = await AnswerAsync(store, null, 0, cancellationToken);
        await UntilAsync(async () => (await server.InfoRawAsync("keyspace"))?.Contains("keys=2", StringComparison.Ordinal) == true, cancellationToken);

        // It hears of nothing more.
        await server.ExecuteAsync("REPLICAOF", "127.0.0.1", LoopbackPorts.Take());
        var second = await AnswerAsync(store, first.Answer, first.Sequence, cancellationToken);
        Assert.That(second.Answer.AsksForEverything, Is.False);
        await primary.StopAsync();
        // There is none for a while.
        for (var i = 1; i <= Failures; i++)
        {
            var call = CallOf(second.Sequence + i, second.Answer, second.Sequence);
            Assert.That(async () => await store.ExchangeAsync(call), Throws.TypeOf<SharedStoreException>());
            await Task.Delay(s_rest, TimeProvider.System, cancellationToken);
        }

        await server.ExecuteAsync("REPLICAOF", "NO", "ONE");

        var begun = TimeProvider.System.GetTimestamp();
        var third = await AnswerAsync(store, second.Answer, second.Sequence, cancellationToken);
        TestContext.Out.WriteLine($"found after {TimeProvider.System.GetElapsedTime(begun).TotalSeconds:0.0} s");
        Assert.That((third.Answer.AsksForEverything, third.Answer.Epoch), Is.EqualTo((true, first.Answer.Epoch)));
    }

    // As a shield does: until there is an answer, each time with the next number.
    private static async Task<(ExchangeAnswer Answer, long Sequence)> AnswerAsync(
        IStorePartition store, ExchangeAnswer? last, long acknowledged, CancellationToken cancellationToken)
    {
        for (var sequence = acknowledged + 1; ; sequence++)
        {
            try
            {
                if (await store.ExchangeAsync(CallOf(sequence, last, acknowledged)) is { } answer)
                    return (answer, sequence);
            }
            catch (SharedStoreException)
            {
                await Task.Delay(s_rest, TimeProvider.System, cancellationToken);
            }
        }
    }

    private static async Task UntilAsync(Func<Task<bool>> condition, CancellationToken cancellationToken)
    {
        while (!await condition())
            await Task.Delay(s_rest, TimeProvider.System, cancellationToken);
    }

    private static ExchangeCall CallOf(long sequence, ExchangeAnswer? last, long acknowledged) => new()
    {
        Owner = $"{1:x16}", Told = last?.Told ?? 0, Sequence = sequence, Acknowledged = acknowledged, SteppedEpoch = "", Epoch = last?.Epoch ?? "",
        NewEpoch = $"{1:x16}", Unit = TimeSpan.FromMinutes(1), Lease = TimeSpan.FromMinutes(5), Expiry = TimeSpan.FromMinutes(5),
        Cursor = 0, Services = [], Reports = [],
    };
}
