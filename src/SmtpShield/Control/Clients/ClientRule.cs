namespace SmtpShield.Control.Clients;

/// <summary>A limit, and how a client stands to it.</summary>
/// <param name="Rule">The name of its parameter.</param>
/// <param name="Limit">Its value.</param>
/// <param name="Count">What is counted.</param>
/// <param name="Unit">What that is: <c>connections open</c>, <c>connections</c>, <c>MAIL</c>.</param>
/// <param name="Refuses">Whether it refuses the next one.</param>
internal sealed record ClientRule(string Rule, int Limit, int Count, string Unit, bool Refuses)
{
    /// <summary>How many of them other shields have counted; null: none is known of.</summary>
    public int? Elsewhere { get; init; }

    /// <summary>Where its value was set: <c>default</c>, <c>main.cf:14</c>, <c>environment</c>, <c>-o</c>, <c>runtime</c>; null: that is not known.</summary>
    public string? Origin { get; init; }

    /// <summary>
    /// Since when it has refused it something without a moment between in which it would not have; null: it has not yet, or that is not remembered.
    /// </summary>
    public DateTimeOffset? OverSince { get; init; }

    /// <summary>From when on it does not, if nothing comes until then.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>The same in words, where it is no time: <c>when 2 of its 51 connections end</c>.</summary>
    public string? Ends { get; init; }
}
