namespace SmtpShield.Control.Changes;

/// <summary>The body of a request that changes something.</summary>
/// <param name="Why">For the log; null, or at most <see cref="LongestWhy"/> characters.</param>
internal record ChangeRequest(string? Why = null)
{
    /// <summary>Characters.</summary>
    public const int LongestWhy = 200;
}
