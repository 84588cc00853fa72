namespace SmtpShield.Limits.Shared;

/// <summary>How many shields count together: each has its part of what is divided among them.</summary>
internal sealed class ShieldFarm
{
    private volatile int _shields = 1;

    /// <summary>It has another number. Told on the thread that has found out.</summary>
    public event Action? Changed;

    /// <summary>Shields, this one included, as it was heard last: while the store is away it stays.</summary>
    public int Shields => _shields;

    /// <summary>There are so many.</summary>
    public void Note(int shields)
    {
        if (_shields == shields)
            return;

        _shields = shields;
        Changed?.Invoke();
    }
}
