namespace SmtpShield.Hosting;

/// <summary>The heap of .NET.</summary>
internal sealed class ManagedHeap : IHeap
{
    /// <inheritdoc />
    public long InUse => GC.GetTotalMemory(forceFullCollection: false);

    /// <inheritdoc />
    public long Collect()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        return InUse;
    }
}
