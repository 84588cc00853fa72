using System.Net.Sockets;

namespace SmtpShield.Control;

/// <summary>What is where a Unix socket is to be.</summary>
internal enum SocketOccupant
{
    /// <summary>Nothing.</summary>
    Nobody,

    /// <summary>The socket of one that is gone.</summary>
    Gone,

    /// <summary>The socket of one that lives.</summary>
    Somebody,

    /// <summary>No socket.</summary>
    SomethingElse,
}

/// <summary>Looks for it.</summary>
internal static class SocketOccupants
{
    /// <summary>Whether somebody answers at a socket. Without waiting for one whose queue is full.</summary>
    public static bool Answers(string path)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { Blocking = false };
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return true;
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode != SocketError.ConnectionRefused;
        }
    }
}
