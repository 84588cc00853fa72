namespace SmtpShield.Protocol.Proxy;

/// <summary>How far a PROXY header has come.</summary>
internal enum ProxyHeaderStatus
{
    /// <summary>What is there may begin one.</summary>
    NeedMore,

    /// <summary>This is none, whatever follows.</summary>
    Malformed,

    /// <summary>It is whole.</summary>
    Complete,
}
