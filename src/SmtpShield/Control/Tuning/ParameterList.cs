namespace SmtpShield.Control.Tuning;

/// <summary>The answer of GET <c>/v1/parameters</c>.</summary>
/// <param name="Revision">Of the configuration: it grows with each change, of the file or at run time.</param>
/// <param name="Path">The file.</param>
/// <param name="Parameters">By service and name.</param>
/// <param name="Truncated">Whether there are more than an answer has room for.</param>
internal sealed record ParameterList(int Revision, string Path, IReadOnlyList<ParameterReport> Parameters, bool Truncated);
