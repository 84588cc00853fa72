using SmtpShield.Options;

namespace SmtpShield.Mta.Learned;

/// <summary>To whom an MTA says the same: what it is told of its clients, and how, decides what it offers.</summary>
/// <param name="Service">The service its clients use.</param>
/// <param name="Destination">The MTA, as configured.</param>
/// <param name="Handoff">How it learns who the client is.</param>
/// <param name="Tls">How the shield speaks TLS with it.</param>
/// <param name="IsInTls">Whether the client is inside TLS.</param>
internal readonly record struct LearnedKey(string Service, string Destination, ClientHandoff Handoff, UpstreamTlsSecurityLevel Tls, bool IsInTls)
{
    /// <summary>That of a service's clients, by its options.</summary>
    public static LearnedKey Of(string service, string destination, ShieldOptions options, bool isInTls) =>
        new(service, destination, options.Upstream.ClientHandoff, options.UpstreamTls.SecurityLevel, isInTls);
}
