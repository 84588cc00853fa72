namespace SmtpShield.Observe;

/// <summary>How a client's connection ended, refused ones too: what the log, and whoever counts, goes by.</summary>
/// <param name="Reason">Why.</param>
/// <param name="After">Behind what, as in <c>lost connection after RCPT</c> or <c>timeout after DATA (21 bytes)</c>.</param>
/// <param name="Destination">The MTA it was with, as configured; empty when there was none.</param>
internal sealed record SessionEnd(SessionEndReason Reason, string After = SessionEnd.AfterConnect, string Destination = "")
{
    /// <summary>Nothing was said yet.</summary>
    public const string AfterConnect = "CONNECT";
}
