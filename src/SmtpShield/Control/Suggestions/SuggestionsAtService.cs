namespace SmtpShield.Control.Suggestions;

/// <summary>What is proposed for one service.</summary>
/// <param name="Service">Its name.</param>
/// <param name="Observed">Whether clients are observed there.</param>
/// <param name="Limits">Limits of which anything was seen.</param>
/// <param name="Shadow">What is in shadow there now, as <c>shield_shadow</c> has it: names, and <c>name=value</c>.</param>
/// <param name="Notes">What else is to be known, a sentence each.</param>
internal sealed record SuggestionsAtService(
    string Service, bool Observed, IReadOnlyList<LimitSuggestion> Limits, IReadOnlyList<string> Shadow, IReadOnlyList<string> Notes);
