namespace SmtpShield.Control.Clients;

/// <summary>Mail of a client that the MTA has accepted, at any service.</summary>
/// <param name="Messages">How many messages, as far as it is remembered.</param>
/// <param name="LastAt">When the last one was.</param>
internal sealed record AcceptedMail(long Messages, DateTimeOffset LastAt);
