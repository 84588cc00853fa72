using SmtpShield.Limits;

namespace SmtpShield.Admission;

/// <summary>A connection counted at its client, until it is disposed. Disposing it again does nothing.</summary>
internal sealed class AdmissionLease : IDisposable
{
    private readonly AnvilTable _anvil;
    private readonly AnvilKey _key;
    private int _released;

    private AdmissionLease(AnvilTable anvil, in AnvilKey key)
    {
        _anvil = anvil;
        _key = key;
        Counts = anvil.Connect(key);
    }

    /// <summary>The client's counts at connect, this connection included.</summary>
    public AnvilCounts Counts { get; }

    /// <summary>Counts a connection.</summary>
    public static AdmissionLease Take(AnvilTable anvil, in AnvilKey key) => new(anvil, key);

    /// <inheritdoc />
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _released, 1) == 0)
            _anvil.Disconnect(_key);
    }
}
