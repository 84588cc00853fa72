using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using SmtpShield.Protocol.Proxy;

namespace SmtpShield.Clients;

/// <summary>Socket addresses and those in PROXY headers, each as the other.</summary>
internal static class ProxyEndPoints
{
    /// <summary>A socket's address for a header: IPv4-mapped IPv6 becomes IPv4, a zone id is dropped.</summary>
    public static ProxyEndPoint ToProxyEndPoint(this IPEndPoint endPoint)
    {
        Span<byte> octets = stackalloc byte[16];
        endPoint.Address.TryWriteBytes(octets, out _);
        return endPoint.AddressFamily == AddressFamily.InterNetwork
            ? new(true, BinaryPrimitives.ReadUInt32BigEndian(octets), (ushort)endPoint.Port)
            : ProxyEndPoint.OfIPv6(BinaryPrimitives.ReadUInt128BigEndian(octets), (ushort)endPoint.Port);
    }

    /// <summary>A header's address as a socket has it.</summary>
    public static IPEndPoint ToIPEndPoint(this ProxyEndPoint endPoint)
    {
        Span<byte> octets = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(octets, endPoint.Bits);
        return new(new IPAddress(endPoint.IsIPv4 ? octets[12..] : octets), endPoint.Port);
    }
}
