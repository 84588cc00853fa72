using SmtpShield.Hosting;

namespace SmtpShield.Testing;

/// <summary>A heap in which is in use what the test says.</summary>
internal sealed class ScriptedHeap : IHeap
{
    private long _inUse;
    private int _looks;
    private int _collections;

    /// <summary>Octets in use.</summary>
    public long InUse
    {
        get
        {
            var inUse = Interlocked.Read(ref _inUse);
            Interlocked.Increment(ref _looks);
            return inUse;
        }
        set => Interlocked.Exchange(ref _inUse, value);
    }

    /// <summary>How often somebody has asked for it.</summary>
    public int Looks => Volatile.Read(ref _looks);

    /// <summary>How often the garbage was collected.</summary>
    public int Collections => Volatile.Read(ref _collections);

    /// <inheritdoc/>
    public long Collect()
    {
        Interlocked.Increment(ref _collections);
        return Interlocked.Read(ref _inUse);
    }
}
