namespace SmtpShield.Control;

/// <summary>The body of an answer that is none: <c>application/problem+json</c> (RFC 9457).</summary>
/// <param name="Title">The status in words.</param>
/// <param name="Status">The status code.</param>
/// <param name="Problems">What is wrong, at least one thing.</param>
internal sealed record ProblemReport(string Title, int Status, IReadOnlyList<ControlProblem> Problems)
{
    /// <summary>Its media type.</summary>
    public const string MediaType = "application/problem+json";
}
