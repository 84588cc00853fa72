namespace SmtpShield.Control.Banning;

/// <summary>The answer of <c>/v1/bans</c>.</summary>
/// <param name="Bans">Those that were asked for, made or lifted, in the order of their prefixes; at most 1000.</param>
/// <param name="Total">How many there are of those that were asked for.</param>
/// <param name="Truncated">Whether there are more behind these.</param>
/// <param name="Revision">Changes so far: while it is the same, so are the bans.</param>
/// <param name="Notes">What else is to be known, a sentence each.</param>
internal sealed record BanList(IReadOnlyList<BanReport> Bans, int Total, bool Truncated, long Revision, IReadOnlyList<string> Notes)
{
    /// <summary>Asks for those behind these: <c>after=</c>; null: there are none.</summary>
    public string? After { get; init; }
}
