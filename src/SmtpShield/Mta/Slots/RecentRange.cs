namespace SmtpShield.Mta.Slots;

/// <summary>An entry of <see cref="RecentRanges"/>: 24 octets.</summary>
/// <param name="key">The range's hash.</param>
internal struct RecentRange(ulong key)
{
    /// <summary>The range's hash.</summary>
    public readonly ulong Key = key;

    /// <summary>When it was noted last, in seconds since the start.</summary>
    public uint NotedAt;

    /// <summary>The next entry of the same bucket; itself: there is none.</summary>
    public ushort Next;

    /// <summary>The entry that was noted before it.</summary>
    public ushort Older;

    /// <summary>The entry that was noted after it.</summary>
    public ushort Newer;

    /// <summary>What became of its commands.</summary>
    public CommandOutcomes Outcomes;
}
