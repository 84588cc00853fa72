using System.Numerics;

namespace SmtpShield.Protocol.Proxy;

/// <summary>CRC32C of a version 2 header (RFC 4960 appendix B).</summary>
internal static class ProxyChecksum
{
    /// <summary>Octets of a checksum.</summary>
    public const int Length = 4;

    /// <summary>The checksum of a whole header, in which the octets of the checksum itself count as 0.</summary>
    /// <param name="header">All of it, from the signature on.</param>
    /// <param name="at">Where its checksum stands.</param>
    public static uint Of(ReadOnlySpan<byte> header, int at)
    {
        var checksum = uint.MaxValue;
        for (var i = 0; i < header.Length; i++)
            checksum = BitOperations.Crc32C(checksum, i >= at && i < at + Length ? (byte)0 : header[i]);
        return ~checksum;
    }
}
