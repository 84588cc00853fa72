namespace SmtpShield.Protocol.Proxy;

/// <summary>An address and a port, as a PROXY header has them: there is no zone id.</summary>
/// <param name="IsIPv4">Whether <paramref name="Bits"/> has 32 significant bits, not 128.</param>
/// <param name="Bits">The address, first octet highest.</param>
/// <param name="Port">0 to 65535.</param>
internal readonly record struct ProxyEndPoint(bool IsIPv4, UInt128 Bits, ushort Port)
{
    private const uint MappedPrefix = 0xffff;

    /// <summary>The address in 128 bits: IPv4 as <c>::ffff:a.b.c.d</c>.</summary>
    public UInt128 IPv6Bits => IsIPv4 ? new UInt128(0, ((ulong)MappedPrefix << 32) | (uint)Bits) : Bits;

    /// <summary>The end point of 128 bits: <c>::ffff:a.b.c.d</c> becomes IPv4, so that a client has one address however it came.</summary>
    public static ProxyEndPoint OfIPv6(UInt128 bits, ushort port) => bits >> 32 == MappedPrefix ? new(true, (uint)bits, port) : new(false, bits, port);
}
