using System.Net;

namespace SmtpShield.Clients;

/// <summary>What the name service says of a name.</summary>
/// <param name="Addresses">Its addresses of the family that was asked for; none on failure.</param>
/// <param name="Error">Why there are none, in the words of getaddrinfo(3); empty on success.</param>
/// <param name="IsTemporary">Whether there may be some the next time.</param>
internal readonly record struct AddressAnswer(IReadOnlyList<IPAddress> Addresses, string Error = "", bool IsTemporary = false);
