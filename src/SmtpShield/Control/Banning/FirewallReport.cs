using SmtpShield.Control.Changes;

namespace SmtpShield.Control.Banning;

/// <summary>What the helper that feeds the kernel says of itself: each five seconds, when something has changed, and when it stops.</summary>
/// <param name="Process">Its process id.</param>
/// <param name="MinLevel">The level from which on automatic bans are dropped.</param>
/// <param name="Auto">Automatic bans the kernel carries out.</param>
/// <param name="Manual">Those by hand.</param>
/// <param name="Owner">Whether nobody else can change its table.</param>
/// <param name="Stopped">Whether it stops now, and drops nobody any more.</param>
/// <param name="Why">Why it drops nobody, though it should; null: it does.</param>
internal sealed record FirewallReport(
    int Process = 0, int MinLevel = 0, int Auto = 0, int Manual = 0, bool Owner = false, bool Stopped = false, string? Why = null) : ChangeRequest(Why);
