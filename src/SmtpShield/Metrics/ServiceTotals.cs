namespace SmtpShield.Metrics;

/// <summary>A service in three numbers, since the start.</summary>
/// <param name="Connections">Connections of clients.</param>
/// <param name="Refused">Those among them that were not served.</param>
/// <param name="Accepted">Messages the MTA has accepted.</param>
internal readonly record struct ServiceTotals(long Connections, long Refused, long Accepted);
