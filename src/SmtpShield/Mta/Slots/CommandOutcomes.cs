namespace SmtpShield.Mta.Slots;

/// <summary>
/// Accepted and refused commands of the hour that runs and the one before it, in 6 octets: who is judged by them is judged by the last hour at least.
/// </summary>
internal struct CommandOutcomes
{
    private ushort _hour;
    private byte _accepted;
    private byte _refused;
    private byte _acceptedBefore;
    private byte _refusedBefore;

    /// <summary>Counts commands.</summary>
    /// <param name="accepted">How many were accepted.</param>
    /// <param name="refused">How many were refused.</param>
    /// <param name="second">When, in seconds since the start.</param>
    public void Add(int accepted, int refused, uint second)
    {
        Turn(second);
        var (newAccepted, newRefused) = (_accepted + accepted, _refused + refused);
        // What counts is which are more: both are halved until they fit.
        while (Math.Max(newAccepted, newRefused) > byte.MaxValue)
            (newAccepted, newRefused) = ((newAccepted + 1) / 2, (newRefused + 1) / 2);
        (_accepted, _refused) = ((byte)newAccepted, (byte)newRefused);
    }

    /// <summary>Whether no more were refused than accepted.</summary>
    /// <param name="second">When, in seconds since the start.</param>
    public readonly bool AreGood(uint second)
    {
        var copy = this;
        copy.Turn(second);
        return copy._refused + copy._refusedBefore <= copy._accepted + copy._acceptedBefore;
    }

    private void Turn(uint second)
    {
        var hour = (ushort)(second / 3600);
        if (hour == _hour)
            return;

        (_acceptedBefore, _refusedBefore) = hour == (ushort)(_hour + 1) ? (_accepted, _refused) : ((byte)0, (byte)0);
        (_hour, _accepted, _refused) = (hour, 0, 0);
    }
}
