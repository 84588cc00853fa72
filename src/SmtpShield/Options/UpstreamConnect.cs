namespace SmtpShield.Options;

/// <summary>When an MTA is dialed for a client: <c>shield_upstream_connect</c>.</summary>
public enum UpstreamConnect
{
    /// <summary><see cref="Mail"/> while the service's MTAs are under pressure, else <see cref="Connect"/>.</summary>
    Auto,

    /// <summary>At once: the client is greeted by the MTA.</summary>
    Connect,

    /// <summary>At the first command that only the MTA can answer, MAIL above all. Until then the client is answered in the MTA's place.</summary>
    Mail,
}
