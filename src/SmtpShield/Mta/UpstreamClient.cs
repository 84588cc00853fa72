using System.Net;
using SmtpShield.Clients;
using SmtpShield.Tls;
using SmtpShield.Transport;

namespace SmtpShield.Mta;

/// <summary>For whom the MTA is dialed: what <c>shield_client_handoff</c> can tell it.</summary>
/// <param name="Identity">The client.</param>
/// <param name="LocalEndPoint">The shield's end of the client's connection, or where the client wanted to go; <see langword="null"/> when it is not
/// known.</param>
/// <param name="Tls">The client's TLS as far as the shield speaks it; <see langword="null"/>: the client is in clear, or speaks TLS with the MTA through the
/// shield.</param>
internal sealed record UpstreamClient(ClientIdentity Identity, IPEndPoint? LocalEndPoint, TlsFacts? Tls = null)
{
    /// <summary>Nobody's session but a proxy's own, which looks whether the shield lives: it has no share to keep to.</summary>
    public bool IsCheck { get; init; }

    /// <summary>Whether a session of another client's may go on with it (<c>shield_upstream_reuse</c>); <see cref="Hello"/> is not empty then.</summary>
    public bool MayReuse { get; init; }

    /// <summary>The client's socket; <see langword="null"/> where there is none.</summary>
    public IConnectedSocket? Socket { get; init; }

    /// <summary>
    /// The HELO or EHLO line that was answered in the MTA's place, without its end: the dial says it, octet for octet. Empty: none.
    /// </summary>
    public ReadOnlyMemory<byte> Hello { get; init; }
}
