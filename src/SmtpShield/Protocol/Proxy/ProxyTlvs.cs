namespace SmtpShield.Protocol.Proxy;

/// <summary>What a version 2 header says beside the addresses (proxy-protocol.txt, section 2.2).</summary>
internal sealed record ProxyTlvs
{
    /// <summary>A header without any.</summary>
    public static ProxyTlvs None { get; } = new();

    /// <summary>The host name the client asked for (SNI), PP2_TYPE_AUTHORITY.</summary>
    /// <value>ASCII or UTF-8, at most 255 octets; empty (default): left out.</value>
    public string Authority { get; init; } = "";

    /// <summary>The client's TLS session, PP2_TYPE_SSL; null (default): left out.</summary>
    public ProxyTls? Tls { get; init; }

    /// <summary>Whether the header carries its checksum, PP2_TYPE_CRC32C.</summary>
    public bool HasChecksum { get; init; }
}
