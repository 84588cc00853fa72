namespace SmtpShield.Host.Rehearsal;

/// <summary>How far attackers got: of what they tried, what the shield let through.</summary>
internal sealed class AttackTally
{
    private int _tried;
    private int _through;
    private int _standing;

    /// <summary>What they tried, in the attack's own unit.</summary>
    public int Tried => Volatile.Read(ref _tried);

    /// <summary>Of it, what was let through.</summary>
    public int Through => Volatile.Read(ref _through);

    /// <summary>Addresses that have done all they do, and hold it or are over.</summary>
    public int Standing => Volatile.Read(ref _standing);

    /// <summary>Counts one of these.</summary>
    public void NoteStanding() => Interlocked.Increment(ref _standing);

    /// <summary>Counts a try.</summary>
    public void Note(bool isThrough)
    {
        Interlocked.Increment(ref _tried);
        if (isThrough)
            Interlocked.Increment(ref _through);
    }
}
