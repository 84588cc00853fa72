using System.Net.Sockets;

namespace SmtpShield.Control;

/// <summary>Made in its place, if that is free, on other systems than Linux: its directory says who may connect. .NET deletes it at its end.</summary>
/// <param name="path">Its place.</param>
internal sealed class SocketFileInPlace(string path) : ISocketFile
{
    /// <inheritdoc/>
    public Socket Make()
    {
        if (!Socket.OSSupportsUnixDomainSockets)
            throw new IOException("this system has no Unix sockets");

        // What was left by one that was killed is empty, and nobody answers.
        if (new FileInfo(path) is { Exists: true } there)
        {
            if (there.Length > 0 || SocketOccupants.Answers(path))
                throw new IOException("another shield answers there, or it is no socket: name another shield_control_socket");
            there.Delete();
        }

        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Bind(new UnixDomainSocketEndPoint(path));
            if (!OperatingSystem.IsWindows())
                File.SetUnixFileMode(path, ControlSocket.Mode);
            socket.Listen(ControlSocket.Backlog);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>It has been there since it was made.</summary>
    public bool TryTakePlace(out string whyNot)
    {
        whyNot = "";
        return true;
    }

    /// <inheritdoc/>
    public void Remove()
    {
        // It goes with its socket.
    }
}
