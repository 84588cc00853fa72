namespace SmtpShield.Protocol.Proxy;

/// <summary>
/// What can be wrong with a header. The last three are the shield's own, because Postfix bounds what it reads otherwise and knows no TLVs;
/// the others are Postfix's words.
/// </summary>
internal static class ProxyFaults
{
    /// <summary>None.</summary>
    public const string None = "";

    /// <summary>The connection ended before its first octet.</summary>
    public const string NoHeader = "EOF";

    /// <summary>Not whole in time.</summary>
    public const string Timeout = "timeout error";

    /// <summary>Fewer octets than tell what it is, or the first of something else.</summary>
    public const string ShortHeader = "short protocol header";

    /// <summary>Something else.</summary>
    public const string UnrecognizedHeader = "unrecognized protocol header";

    /// <summary>Version 1 without CR LF within 107 octets.</summary>
    public const string MissingTerminator = "missing protocol header terminator";

    /// <summary>Version 1, and neither TCP4 nor TCP6; with <c>shield_proxy_unknown = refuse</c> also UNKNOWN.</summary>
    public const string BadProtocolType = "bad or missing protocol type";

    /// <summary>Version 1, the client's address.</summary>
    public const string BadClientAddress = "bad or missing client address";

    /// <summary>Version 1, the address the client has connected to.</summary>
    public const string BadServerAddress = "bad or missing server address";

    /// <summary>Version 1, the client's port.</summary>
    public const string BadClientPort = "bad or missing client port";

    /// <summary>Version 1, the port the client has connected to, or something behind it.</summary>
    public const string BadServerPort = "bad or missing server port";

    /// <summary>The signature of version 2 with another version.</summary>
    public const string UnrecognizedVersion = "unrecognized protocol version";

    /// <summary>Version 2, ended within.</summary>
    public const string ShortVersion2Header = "short version 2 protocol header";

    /// <summary>Version 2, neither LOCAL nor PROXY.</summary>
    public const string BadCommand = "bad command in proxy header";

    /// <summary>Version 2, neither TCP over IPv4 nor over IPv6; with <c>shield_proxy_unknown = refuse</c> also AF_UNSPEC.</summary>
    public const string UnsupportedNetworkProtocol = "unsupported network protocol";

    /// <summary>Version 2, no room for the addresses.</summary>
    public const string ShortAddressField = "short address field";

    /// <summary>Version 2, above <see cref="ProxyFormat.MostFollowing"/>.</summary>
    public const string LongVersion2Header = "long version 2 protocol header";

    /// <summary>Version 2, a TLV that is longer than the header.</summary>
    public const string BadTlv = "bad TLV length";

    /// <summary>Version 2, a checksum of another header.</summary>
    public const string BadChecksum = "bad CRC32C checksum";
}
