using SmtpShield.Clients;

namespace SmtpShield.Limits;

/// <summary>
/// A window of a client is over: the next one has begun, or its record goes. Told while a part of the table is locked: who is told must not wait.
/// </summary>
/// <param name="service">Where it was counted.</param>
/// <param name="client">Whose it was.</param>
/// <param name="counts">What the client did in it.</param>
/// <param name="start">The second it began in, as the table counts.</param>
internal delegate void WindowEnded(string service, in ClientRange client, in AnvilEventCounts counts, int start);
