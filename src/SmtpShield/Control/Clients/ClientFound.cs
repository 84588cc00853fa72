using SmtpShield.Clients;
using SmtpShield.Limits;

namespace SmtpShield.Control.Clients;

/// <summary>A client at a service, as it was found.</summary>
/// <param name="Rules">The service's rules.</param>
/// <param name="Client">The client.</param>
/// <param name="Record">What is counted of it; null: nothing.</param>
internal readonly record struct ClientFound(ServiceRules Rules, ClientRange Client, AnvilRecord? Record);
