namespace SmtpShield.Control.Suggestions;

/// <summary>The answer of <c>/v1/suggest</c>.</summary>
/// <param name="Days">Days that are looked at, beside the one that lasts.</param>
/// <param name="Margin">What is left above what was seen: a factor.</param>
/// <param name="WindowS">Seconds of a window.</param>
/// <param name="DeliverMail">Clients that have delivered mail in these days, at whichever service.</param>
/// <param name="Services">What is proposed at each service.</param>
internal sealed record SuggestionReport(int Days, double Margin, int WindowS, int DeliverMail, IReadOnlyList<SuggestionsAtService> Services);
