namespace SmtpShield.Control.InShadow;

/// <summary>What a limit in shadow would have done to a client, and would do now.</summary>
/// <param name="Rule">Its parameter.</param>
/// <param name="Shadow">The value that is judged now; <c>off</c>: none any more.</param>
/// <param name="Refuses">Whether it would refuse what the client does next.</param>
/// <param name="Hits">How often it would have been hit, as far as that is remembered: an upper bound.</param>
/// <param name="Windows">In how many windows.</param>
/// <param name="MessagesAfter">Messages the MTA accepted that the limit would have kept from it for then.</param>
internal sealed record ClientInShadow(string Rule, string Shadow, bool Refuses, long Hits, long Windows, long MessagesAfter)
{
    /// <summary>What is counted now; null: the rule is none on what a client does in a time.</summary>
    public int? Count { get; init; }

    /// <summary>The most that was counted; null: it was not hit.</summary>
    public int? AtMost { get; init; }

    /// <summary>When it would have been hit last; null: it was not.</summary>
    public DateTimeOffset? LastAt { get; init; }

    /// <summary>Until when it would refuse, if nothing comes until then.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>The same in words, where it is no time: <c>when 2 of its 51 connections end</c>.</summary>
    public string? Ends { get; init; }
}
