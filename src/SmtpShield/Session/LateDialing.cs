using SmtpShield.Admission;
using SmtpShield.Mta;
using SmtpShield.Options;

namespace SmtpShield.Session;

/// <summary>Decides, when a client is let in, whether an MTA is dialed for it at once or late (<c>shield_upstream_connect</c>); once a service.</summary>
/// <param name="pressure">Whether the service's MTAs are under pressure.</param>
internal sealed class LateDialing(MtaPressure pressure)
{
    /// <summary>
    /// Whether the client is answered in the MTA's place until it needs one: only then can another client's session go on with it. Exempt clients, as those of
    /// the local network, are often offered more than others.
    /// </summary>
    public bool IsFor(ClientConnection connection) => connection.Options.AtStart.Upstream.Connect switch
    {
        UpstreamConnect.Mail => true,
        UpstreamConnect.Connect => false,
        _ => (pressure.Look() || connection.Options.AtStart.Upstream.Reuse) && connection.Counter is not null,
    };
}
