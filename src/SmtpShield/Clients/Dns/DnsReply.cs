using System.Net;

namespace SmtpShield.Clients.Dns;

/// <summary>A name server's reply to one question.</summary>
/// <param name="Result">What it made of the question.</param>
/// <param name="Name">The first name a PTR question found: one character an octet, any of them, dots within a label behind a backslash.</param>
/// <param name="Addresses">What an A or AAAA question found.</param>
internal sealed record DnsReply(DnsResult Result, string Name, IReadOnlyList<IPAddress> Addresses)
{
    /// <summary>A reply without records.</summary>
    public static DnsReply Of(DnsResult result) => new(result, "", []);
}
