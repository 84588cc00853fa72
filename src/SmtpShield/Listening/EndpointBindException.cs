using System.Net;
using System.Net.Sockets;
using SmtpShield.Transport;

namespace SmtpShield.Listening;

/// <summary>An endpoint cannot be listened on. The message is one line that names it and the remedy, to be printed as it is; the exit status is 1.</summary>
internal sealed class EndpointBindException(EndPoint endpoint, SocketException inner) : Exception($"bind {Name(endpoint)}: {Reason(endpoint, inner)}", inner)
{
    // As Postfix names it (inet_listen.c): bind 0.0.0.0 port 25: Address already in use.
    private static string Name(EndPoint endpoint) => endpoint is IPEndPoint ip ? $"{ip.Address} port {ip.Port}" : $"{endpoint}";

    private static string Reason(EndPoint endpoint, SocketException inner) => inner.SocketErrorCode switch
    {
        _ when inner is TransparentSocketException => $"shield_listen_transparent: {inner.Message}",
        SocketError.AddressAlreadyInUse =>
            $"Address already in use; stop the program that listens there (ss -ltnp 'sport = :{(endpoint as IPEndPoint)?.Port}' names it), move it, "
                + "or change shield_listen",
        SocketError.AccessDenied =>
            "Permission denied; a port below 1024 needs the capability CAP_NET_BIND_SERVICE (systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE) or root",
        SocketError.AddressNotAvailable => "Cannot assign requested address; no interface of this host has it, change shield_listen",
        SocketError.AddressFamilyNotSupported => "Address family not supported; this host has no such protocol, remove it from shield_listen",
        _ => inner.Message,
    };
}
