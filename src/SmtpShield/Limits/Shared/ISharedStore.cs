namespace SmtpShield.Limits.Shared;

/// <summary>A store: what there is once for all its partitions, the connection above all. It connects with the first call.</summary>
internal interface ISharedStore : IAsyncDisposable
{
    /// <summary>One of its partitions.</summary>
    /// <param name="number">0 to <see cref="Options.SharedStoreAddress.Partitions"/> − 1.</param>
    IStorePartition Partition(int number);
}
