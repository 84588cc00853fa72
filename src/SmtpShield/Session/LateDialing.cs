using SmtpShield.Admission;
using SmtpShield.Mta;
using SmtpShield.Options;

namespace SmtpShield.Session;

/// <summary>Decides, when a client is let in, whether an MTA is dialed for it at once or late (<c>shield_upstream_connect</c>); once a service.</summary>
internal sealed class LateDialing(UpstreamPool upstreams)
{
    /// <summary>Whether the client is answered in the MTA's place until it needs one.</summary>
    public bool IsFor(ClientConnection connection) => connection.Options.AtStart.Upstream.Connect switch
    {
        UpstreamConnect.Mail => true,
        UpstreamConnect.Connect => false,
        _ => connection.Counter is not null && upstreams.DestinationsOf(connection.Options.Service).Sum(upstreams.SessionsOf) > 45,
    };
}
