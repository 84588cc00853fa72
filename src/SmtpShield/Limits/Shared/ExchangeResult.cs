namespace SmtpShield.Limits.Shared;

/// <summary>What has come of an exchange.</summary>
/// <param name="Failure">Why there was no answer; null: there was.</param>
internal readonly record struct ExchangeResult(string? Failure)
{
    /// <summary>Whether more waits to be reported.</summary>
    public bool HasMore { get; init; }

    /// <summary>Why everything is reported again.</summary>
    public ResendReason Resend { get; init; }

    /// <summary>Records that are reported again.</summary>
    public int Resent { get; init; }

    /// <summary>The settings of all members; null: they were not asked for.</summary>
    public IReadOnlyList<string>? Members { get; init; }
}
