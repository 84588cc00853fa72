namespace SmtpShield.Control.Upstreams;

/// <summary>How an MTA has answered in the last minute.</summary>
/// <param name="Median">How long it took to answer MAIL and RCPT, half of the times at most; null: it has answered none.</param>
/// <param name="Percentile99">99 of a hundred times at most.</param>
/// <param name="FailedDials">Tries to reach it a minute that it has not greeted with 220.</param>
internal sealed record RepliesLately(TimeSpan? Median, TimeSpan? Percentile99, int FailedDials);
