namespace SmtpShield.Control.Changes;

/// <summary>The answer of <c>/v1/changes</c>.</summary>
/// <param name="Changes">The oldest first.</param>
/// <param name="Truncated">Whether there were earlier ones that are not kept any more.</param>
internal sealed record ChangeList(IReadOnlyList<Change> Changes, bool Truncated);
