namespace SmtpShield.Testing.Ledger;

/// <summary>Clients that stand still, each at its own stage, until a fault has struck: so it strikes at each of them however fast the machine is.</summary>
public sealed class Standstill
{
    private readonly TaskCompletionSource _goesOn = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _standing;

    /// <summary>How many have come to their stage.</summary>
    public int Standing => Volatile.Read(ref _standing);

    /// <summary>A client has come to its stage; completes when it may go on.</summary>
    public Task StandAsync()
    {
        Interlocked.Increment(ref _standing);
        return _goesOn.Task;
    }

    /// <summary>All go on, also those that come later.</summary>
    public void GoOn() => _goesOn.TrySetResult();
}
