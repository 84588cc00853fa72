using SmtpShield.Control.Changes;

namespace SmtpShield.Control.Banning;

/// <summary>The body of a ban.</summary>
/// <param name="Prefix">An address or a network.</param>
/// <param name="ForS">Seconds it lasts; null: <c>shield_ban_time_limit</c>.</param>
/// <param name="Wide">Whether it may be wider than /16 or, of IPv6, /32.</param>
/// <param name="From">Where the operator is logged in from, whom it must not cover; null: it is not known.</param>
/// <param name="Why">For the log.</param>
internal sealed record BanRequest(string? Prefix = null, long? ForS = null, bool Wide = false, string? From = null, string? Why = null) : ChangeRequest(Why);
