namespace SmtpShield.PostfixTests.Options;

/// <summary>What a run of postconf did.</summary>
internal sealed record PostconfOutcome(int Status, string Output, string Error)
{
    /// <summary>The different lines of the standard error: Postfix reads a file up to seven times and says the same each time.</summary>
    public IEnumerable<string> Warnings => Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Distinct();
}
