using System.Net;

namespace SmtpShield.Limits;

/// <summary>A client was refused something, or its session ended by a rule.</summary>
/// <param name="Key">The client, as it is counted.</param>
/// <param name="Address">Its address.</param>
/// <param name="Event">What it was.</param>
internal readonly record struct RuleHit(AnvilKey Key, IPAddress Address, ClientEvent Event);
