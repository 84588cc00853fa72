using SmtpShield.Limits.Shared;

namespace SmtpShield.Tests.Limits.Shared;

/// <summary>A store some of whose calls and answers are lost, or come late or twice.</summary>
internal sealed class UnreliableStore(IStorePartition store) : IStorePartition
{
    private readonly Queue<ExchangeCall> _late = [];

    /// <summary>Chooses; null: all is well.</summary>
    public Random? Random { get; set; }

    /// <summary>Out of a hundred calls, how many go wrong.</summary>
    public int Faults { get; set; } = 20;

    public async Task<ExchangeAnswer?> ExchangeAsync(ExchangeCall call)
    {
        if (Random is null || Random.Next(100) >= Faults)
            return await store.ExchangeAsync(call);

        switch (Random.Next(4))
        {
            case 0:
                throw new SharedStoreException("the call is lost");
            case 1:
                await store.ExchangeAsync(call);
                throw new SharedStoreException("the answer is lost");
            case 2:
                // It arrives behind later ones.
                _late.Enqueue(Copy(call));
                throw new SharedStoreException("late");
            default:
                var answer = await store.ExchangeAsync(call);
                await store.ExchangeAsync(call);
                while (_late.TryDequeue(out var late))
                    await store.ExchangeAsync(late);
                return answer;
        }
    }

    public Task<EntryAnswer> TellAsync(EntryCall call) => store.TellAsync(call);

    // The caller uses its list for the next one.
    private static ExchangeCall Copy(ExchangeCall call) => new()
    {
        Owner = call.Owner, Told = call.Told, Sequence = call.Sequence, Acknowledged = call.Acknowledged, SteppedEpoch = call.SteppedEpoch, Epoch = call.Epoch,
        NewEpoch = call.NewEpoch, Unit = call.Unit, Lease = call.Lease, Expiry = call.Expiry, Cursor = call.Cursor, Leaves = call.Leaves,
        NamesMembers = call.NamesMembers, Settings = call.Settings, Services = call.Services, Reports = [.. call.Reports],
    };
}
