namespace SmtpShield.Control.Banning;

/// <summary>The answer of <c>/v1/firewall</c>.</summary>
/// <param name="Whole">Whether these are all there are; else what has changed since the revision that was given.</param>
/// <param name="Revision">What to give the next time.</param>
/// <param name="Bans">The prefixes.</param>
/// <param name="Spared">Who passes, whoever is banned.</param>
/// <param name="Ports">Where clients come in that have their own addresses there.</param>
internal sealed record KernelBans(bool Whole, long Revision, IReadOnlyList<KernelBan> Bans, IReadOnlyList<string> Spared, IReadOnlyList<int> Ports)
{
    /// <summary>There are more: ask for those behind this one.</summary>
    public string? After { get; init; }
}
