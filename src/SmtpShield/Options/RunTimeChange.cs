namespace SmtpShield.Options;

/// <summary>What came of other run-time values.</summary>
/// <param name="Result">What the configuration says with them: with an error they are not in force.</param>
/// <param name="Generation">Which configuration is in force now.</param>
/// <param name="Before">How it looked before.</param>
/// <param name="After">How it looks with them, whether they are in force or not.</param>
internal sealed record RunTimeChange<T>(ShieldConfigurationResult Result, int Generation, T Before, T After);
