using SmtpShield.Limits;
using SmtpShield.Limits.Shared;
using SmtpShield.Options;

namespace SmtpShield.Tests.Limits.Shared;

/// <summary>A shield that counts and shares.</summary>
internal sealed class TestShield
{
    public TestShield(ShieldOptions options, TimeProvider time)
    {
        var snapshot = new ShieldSnapshot(options);
        Table = TestAnvil.Table(snapshot, time);
        Exchange = new(Table, Table.Share(TestFarm.OneStore)[0], snapshot, time);
    }

    public AnvilTable Table { get; }

    public CounterExchange Exchange { get; }

    /// <summary>What came of its last exchange.</summary>
    public ExchangeResult Last { get; private set; }

    /// <summary>Whether it stands still.</summary>
    public bool IsPaused { get; set; }

    /// <summary>Whether the store can't be reached from it.</summary>
    public bool IsCutOff { get; set; }

    public async Task ExchangeAsync(IStorePartition store, bool leaves = false)
    {
        if (!IsPaused)
            Last = await Exchange.ExchangeAsync(IsCutOff ? new NoStore() : store, leaves);
    }

    private sealed class NoStore : IStorePartition
    {
        public Task<ExchangeAnswer?> ExchangeAsync(ExchangeCall call) => throw new SharedStoreException("no connection");

        public Task<EntryAnswer> TellAsync(EntryCall call) => throw new SharedStoreException("no connection");
    }
}
