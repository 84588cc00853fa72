namespace SmtpShield.Limits.Shared;

/// <summary>Entries others have told.</summary>
internal sealed class EntryAnswer
{
    /// <summary>The epoch.</summary>
    public required string Epoch { get; init; }

    /// <summary>Whether it is the one the shield knew: in another one nothing is known of what it told before.</summary>
    public required bool IsKnown { get; init; }

    /// <summary>What was heard of.</summary>
    public required long Cursor { get; init; }

    /// <summary>Whether there are more.</summary>
    public required bool HasMore { get; init; }

    /// <summary>The entries, in the order they were told in.</summary>
    public required IReadOnlyList<SharedEntry> Entries { get; init; }
}
