namespace SmtpShield.Options;

/// <summary>How the MTA learns who the client is: <c>shield_client_handoff</c>.</summary>
public enum ClientHandoff
{
    /// <summary>Not at all: it sees the shield's address.</summary>
    None,

    /// <summary>By a PROXY header in text form in front of its greeting.</summary>
    ProxyV1,

    /// <summary>By a binary PROXY header, with what is known of the client's TLS.</summary>
    ProxyV2,

    /// <summary>By Postfix's XCLIENT command, before the client is greeted.</summary>
    Xclient,

    /// <summary>By the connection itself: its source is the client's address (Linux <c>IP_TRANSPARENT</c>).</summary>
    Transparent,
}
