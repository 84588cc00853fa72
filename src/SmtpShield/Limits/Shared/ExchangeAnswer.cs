namespace SmtpShield.Limits.Shared;

/// <summary>What the store says to a shield.</summary>
internal sealed class ExchangeAnswer
{
    /// <summary>The epoch: what was counted in another one is unknown.</summary>
    public required string Epoch { get; init; }

    /// <summary>How often this shield has been asked for everything.</summary>
    public required long Told { get; init; }

    /// <summary>Whether everything is asked for.</summary>
    public required bool AsksForEverything { get; init; }

    /// <summary>The store's clock, in milliseconds.</summary>
    public required long Time { get; init; }

    /// <summary>Members that have died or left so far.</summary>
    public required long Deaths { get; init; }

    /// <summary>Members alive, this one included.</summary>
    public required int Members { get; init; }

    /// <summary>What was heard of the news.</summary>
    public required long Cursor { get; init; }

    /// <summary>Changes among the members so far: with another number it is worth to ask for their names.</summary>
    public required long Changes { get; init; }

    /// <summary>The settings of the members; empty unless they were asked for.</summary>
    public required IReadOnlyList<string> MemberSettings { get; init; }

    /// <summary>What others count of each client that was reported, in that order.</summary>
    public required IReadOnlyList<SharedCounts> Counts { get; init; }

    /// <summary>What others count of clients that were not reported.</summary>
    public required IReadOnlyList<(string Client, SharedCounts Counts)> News { get; init; }
}
