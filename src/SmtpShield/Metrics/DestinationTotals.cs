namespace SmtpShield.Metrics;

/// <summary>An MTA in a few numbers, since the start.</summary>
/// <param name="FailedDials">Tries to reach it that it has not greeted with 220.</param>
/// <param name="Commands">How long it took to answer MAIL and RCPT, in seconds.</param>
internal sealed record DestinationTotals(long FailedDials, BucketCounts Commands);
