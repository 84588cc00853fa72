using System.Net.Sockets;
using SmtpShield.Transport;

namespace SmtpShield.Mta;

/// <summary>Why an MTA could not be reached.</summary>
internal static class DialErrors
{
    /// <summary>Whether the shield itself lacked something: it says nothing of the MTA.</summary>
    public static bool IsOurs(SocketException error) =>
        error is TransparentSocketException
        || error.SocketErrorCode is SocketError.TooManyOpenSockets or SocketError.NoBufferSpaceAvailable or SocketError.AddressNotAvailable;

    /// <summary>What happened, in the words Postfix has for it.</summary>
    public static string ReasonOf(SocketException error) => error.SocketErrorCode switch
    {
        SocketError.ConnectionRefused => "Connection refused",
        SocketError.TimedOut => "Connection timed out",
        // Reset between the handshake and our first look at the socket.
        SocketError.ConnectionReset or SocketError.NotConnected => "lost connection",
        SocketError.HostUnreachable => "No route to host",
        SocketError.NetworkUnreachable => "Network is unreachable",
        SocketError.HostNotFound or SocketError.NoData => "Host not found",
        SocketError.TryAgain => "Host not found, try again",
        _ => error.Message,
    };
}
