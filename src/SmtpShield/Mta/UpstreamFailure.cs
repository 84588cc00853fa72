using System.Net;

namespace SmtpShield.Mta;

/// <summary>One try to reach the MTA that did not give a session. A value for the log, not an exception.</summary>
/// <param name="Destination">The destination as configured, <c>host:port</c>.</param>
/// <param name="Reason">Why, in Postfix's words: <c>Connection refused</c>, <c>lost connection</c>, <c>no greeting within 30s</c>.</param>
/// <param name="Address">The address tried when the destination is a host name: each address that fails is a failure of its own.
/// <see langword="null"/> when the destination is an address, or its name was not found.</param>
internal readonly record struct UpstreamFailure(string Destination, string Reason, IPAddress? Address = null)
{
    /// <summary>As Postfix writes it: <c>connect to mta.example[192.0.2.1]:25: Connection refused</c> is <c>connect to {this}</c>.</summary>
    public override string ToString() => Address is null
        ? $"{Destination}: {Reason}"
        : $"{Destination.AsSpan(0, Destination.LastIndexOf(':'))}[{Address}]{Destination.AsSpan(Destination.LastIndexOf(':'))}: {Reason}";
}
