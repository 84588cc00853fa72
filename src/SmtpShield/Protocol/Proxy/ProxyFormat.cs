namespace SmtpShield.Protocol.Proxy;

/// <summary>The constants of proxy-protocol.txt.</summary>
internal static class ProxyFormat
{
    /// <summary>Octets of the longest version 1 header, CR LF included (section 2.1).</summary>
    public const int Version1Length = 107;

    /// <summary>Octets of a version 2 header before its addresses.</summary>
    public const int FixedLength = 16;

    /// <summary>
    /// Octets of addresses and TLVs that are accepted behind <see cref="FixedLength"/>: four times what the spec expects of a receiver, and no page of memory.
    /// </summary>
    public const int MostFollowing = 2048;

    /// <summary>Octets of two IPv4 addresses and ports.</summary>
    public const int IPv4Length = 12;

    /// <summary>Octets of two IPv6 addresses and ports.</summary>
    public const int IPv6Length = 36;

    /// <summary>Octets of a TLV before its value.</summary>
    public const int TlvHead = 3;

    /// <summary>Version 2, command LOCAL.</summary>
    public const byte Local = 0x20;

    /// <summary>Version 2, command PROXY.</summary>
    public const byte Proxy = 0x21;

    /// <summary>AF_UNSPEC and no transport.</summary>
    public const byte Unspecified = 0x00;

    /// <summary>TCP over IPv4.</summary>
    public const byte Tcp4 = 0x11;

    /// <summary>TCP over IPv6.</summary>
    public const byte Tcp6 = 0x21;

    /// <summary>PP2_TYPE_AUTHORITY.</summary>
    public const byte Authority = 0x02;

    /// <summary>PP2_TYPE_CRC32C.</summary>
    public const byte Checksum = 0x03;

    /// <summary>PP2_TYPE_SSL.</summary>
    public const byte Tls = 0x20;

    /// <summary>PP2_SUBTYPE_SSL_VERSION.</summary>
    public const byte TlsVersion = 0x21;

    /// <summary>PP2_SUBTYPE_SSL_CIPHER.</summary>
    public const byte TlsCipher = 0x23;

    /// <summary>How a version 1 header begins.</summary>
    public static ReadOnlySpan<byte> Version1Start => "PROXY "u8;

    /// <summary>How a version 2 header begins.</summary>
    public static ReadOnlySpan<byte> Signature => "\r\n\r\n\0\r\nQUIT\n"u8;
}
