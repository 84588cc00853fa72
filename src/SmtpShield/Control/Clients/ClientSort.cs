namespace SmtpShield.Control.Clients;

/// <summary>What comes first in a list of clients. In the API these are as <c>auth_failures</c>.</summary>
internal enum ClientSort
{
    /// <summary>The largest of its counts divided by their limits.</summary>
    Nearness,

    /// <summary>Connections it has open.</summary>
    Open,

    /// <summary>Connections it made in its window.</summary>
    Connections,

    /// <summary>MAIL.</summary>
    Messages,

    /// <summary>RCPT and VRFY.</summary>
    Recipients,

    /// <summary>New TLS sessions.</summary>
    TlsSessions,

    /// <summary>AUTH.</summary>
    Auths,

    /// <summary>Commands the MTA refused.</summary>
    Errors,

    /// <summary>Logins the MTA refused.</summary>
    AuthFailures,

    /// <summary>Refusals it got, as far as they are remembered; those who got none are not in the list.</summary>
    Refused,
}
