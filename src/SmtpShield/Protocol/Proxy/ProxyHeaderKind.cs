namespace SmtpShield.Protocol.Proxy;

/// <summary>What a PROXY header says of the connection behind it.</summary>
internal enum ProxyHeaderKind
{
    /// <summary>It is a TCP client's, with these addresses: version 1 <c>TCP4</c> and <c>TCP6</c>, version 2 command PROXY.</summary>
    Tcp,

    /// <summary>It is somebody's whom the proxy can't name: version 1 <c>UNKNOWN</c>, version 2 command PROXY with the family AF_UNSPEC.</summary>
    Unknown,

    /// <summary>It is the proxy's own, as when it checks whether the server lives: version 2 command LOCAL.</summary>
    Local,
}
