namespace SmtpShield.Control.Status;

/// <summary>How full a table is.</summary>
/// <param name="Clients">Clients in it.</param>
/// <param name="Size">Clients it has room for.</param>
/// <param name="Dropped">Clients that went before their time, because the room was needed, since the start.</param>
internal sealed record TableReport(int Clients, int Size, long Dropped)
{
    /// <summary>Events that were not counted, because nobody could go, since the start.</summary>
    public long? Untracked { get; init; }

    /// <summary>Clients a limit refuses what they do next, or did up to five seconds ago.</summary>
    public int? Limited { get; init; }
}
