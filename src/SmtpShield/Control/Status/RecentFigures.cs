namespace SmtpShield.Control.Status;

/// <summary>What happened lately.</summary>
/// <param name="Seconds">In how many seconds; 0: nothing is known yet.</param>
/// <param name="Services">Of each service.</param>
/// <param name="LogLines">Lines of the log a second.</param>
/// <param name="LogLost">Lines of the log that were lost in that time.</param>
/// <param name="Untracked">Events of clients that were not counted in that time, for want of room.</param>
internal sealed record RecentFigures(double Seconds, IReadOnlyDictionary<string, ServiceFigures> Services, double LogLines, long LogLost, long Untracked);
