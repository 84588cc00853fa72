using System.Buffers;
using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using SmtpShield.Clients;
using SmtpShield.Options;
using SmtpShield.Protocol.Proxy;

namespace SmtpShield.Mta.Handoff;

/// <summary>The PROXY header in front of everything else the MTA gets, TLS included (proxy-protocol.txt).</summary>
internal static class ProxyHandoff
{
    /// <summary>Whether this handoff begins with a header.</summary>
    public static bool Writes(ClientHandoff handoff) => handoff is ClientHandoff.ProxyV1 or ClientHandoff.ProxyV2;

    /// <summary>Writes the header of a client's connection.</summary>
    public static void Write(IBufferWriter<byte> output, ClientHandoff handoff, UpstreamClient client)
    {
        var source = client.Identity.Address;
        var destination = DestinationOf(client, source.AddressFamily);
        var header = ProxyHeader.Of(EndPointOf(source, client.Identity.Port), EndPointOf(destination.Address, destination.Port));
        if (handoff == ClientHandoff.ProxyV1)
            ProxyHeaderWriter.WriteVersion1(output, header);
        else
            ProxyHeaderWriter.WriteVersion2(output, header, TlvsOf(client));
    }

    /// <summary>
    /// Writes the header of a connection that is nobody's but the shield's. Version 1 has no word for that which Postfix takes, so it names the connection's
    /// own ends.
    /// </summary>
    public static void WriteOwn(IBufferWriter<byte> output, ClientHandoff handoff, IPEndPoint local, IPEndPoint remote)
    {
        if (handoff == ClientHandoff.ProxyV1)
            ProxyHeaderWriter.WriteVersion1(
                output, ProxyHeader.Of(EndPointOf(ClientIdentity.AddressOf(local), local.Port), EndPointOf(ClientIdentity.AddressOf(remote), remote.Port)));
        else
            ProxyHeaderWriter.WriteVersion2(output, new(ProxyHeaderKind.Local), ProxyTlvs.None);
    }

    // A header has addresses of one family. Where the client went to is worth less than that its own address looks the same everywhere.
    private static IPEndPoint DestinationOf(UpstreamClient client, AddressFamily family)
    {
        var any = family == AddressFamily.InterNetworkV6 ? IPAddress.IPv6Any : IPAddress.Any;
        if (client.LocalEndPoint is not { } local)
            return new(any, 0);
        var address = ClientIdentity.AddressOf(local);
        return new(address.AddressFamily == family ? address : any, local.Port);
    }

    private static ProxyEndPoint EndPointOf(IPAddress address, int port)
    {
        Span<byte> octets = stackalloc byte[16];
        address.TryWriteBytes(octets, out var length);
        return length == 4
            ? new(true, BinaryPrimitives.ReadUInt32BigEndian(octets), (ushort)port)
            : new(false, BinaryPrimitives.ReadUInt128BigEndian(octets), (ushort)port);
    }

    private static ProxyTlvs TlvsOf(UpstreamClient client) =>
        client.Tls is not { } tls ? ProxyTlvs.None : new() { Authority = tls.ServerName ?? "", Tls = new(tls.Protocol, tls.Cipher) };
}
