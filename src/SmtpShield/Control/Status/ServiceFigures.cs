namespace SmtpShield.Control.Status;

/// <summary>What happened at a service, a second.</summary>
/// <param name="Connections">Connections of clients, by what became of them.</param>
/// <param name="Accepted">Messages the MTA has accepted.</param>
/// <param name="Refused">Connections that were not served.</param>
internal readonly record struct ServiceFigures(double Connections, double Accepted, double Refused);
