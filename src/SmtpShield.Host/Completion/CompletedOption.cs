namespace SmtpShield.Host.Completion;

/// <summary>An option of a command.</summary>
/// <param name="Names">As it is typed: <c>-c</c>, <c>--config</c>.</param>
/// <param name="Description">What it does, a line.</param>
/// <param name="Value">What stands behind it; null: nothing does.</param>
internal sealed record CompletedOption(IReadOnlyList<string> Names, string Description, CompletedValue? Value);
