namespace SmtpShield.Upgrade;

/// <summary>A hand-over has not come about: the shield that runs goes on. The messages say why, a line each, to be printed as they are.</summary>
internal sealed class HandOverException(IReadOnlyList<string> reasons) : Exception(string.Join("; ", reasons))
{
    /// <summary>For one reason.</summary>
    public HandOverException(string reason)
        : this([reason])
    {
    }

    /// <summary>Why.</summary>
    public IReadOnlyList<string> Reasons => reasons;
}
