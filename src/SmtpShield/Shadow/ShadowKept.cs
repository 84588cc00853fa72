namespace SmtpShield.Shadow;

/// <summary>All that a <see cref="ShadowBook"/> has, copied to be kept over a restart.</summary>
/// <param name="Since">Since when it is counted.</param>
/// <param name="Delay">How long replies would have been delayed.</param>
/// <param name="After">Would-be hits in sessions that would have been over.</param>
/// <param name="InBans">Connections within bans there would have been.</param>
/// <param name="Dropped">Clients that are not remembered by themselves any more.</param>
/// <param name="Hash">By which different clients were told apart.</param>
/// <param name="Seen">Those that were judged.</param>
/// <param name="Delivering">Those of whom the MTA has accepted mail.</param>
internal sealed record ShadowKept(
    DateTimeOffset Since, TimeSpan Delay, long After, long InBans, long Dropped, DistinctHash Hash, DistinctSet Seen, DistinctSet Delivering)
{
    /// <summary>What rules would have done to all clients; those that would have done nothing may be left out.</summary>
    public List<ShadowKeptRule> Rules { get; } = [];

    /// <summary>Clients that are remembered by themselves.</summary>
    public List<ShadowKeptClient> Clients { get; } = [];
}
