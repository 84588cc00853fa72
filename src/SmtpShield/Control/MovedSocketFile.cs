using System.Globalization;
using System.Net.Sockets;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;
using SmtpShield.PostfixConf.Files;

namespace SmtpShield.Control;

/// <summary>
/// Made beside its place, with its mode, and moved there when nobody answers there: so it never has another mode, what a killed shield has left is replaced,
/// and a shield that lives keeps its own.
/// </summary>
/// <param name="path">Its place.</param>
[SupportedOSPlatform("linux")]
internal sealed class MovedSocketFile(string path) : ISocketFile
{
    private readonly string _made = path + "." + Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
    private UnixFileIdentity _identity;
    private bool _isInPlace;

    /// <inheritdoc/>
    public Socket Make()
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            if (WhoIsAt(_made) == SocketOccupant.Gone)
                File.Delete(_made);
            // Linux makes the file with the mode the socket has, less the umask.
            using (var file = new SafeFileHandle(socket.Handle, ownsHandle: false))
                File.SetUnixFileMode(file, ControlSocket.Mode);
            socket.Bind(new UnixDomainSocketEndPoint(_made));
            File.SetUnixFileMode(_made, ControlSocket.Mode);
            socket.Listen(ControlSocket.Backlog);
        }
        catch
        {
            socket.Dispose();
            throw;
        }

        UnixFile.TryIdentify(_made, out _identity);
        return socket;
    }

    /// <inheritdoc/>
    public bool TryTakePlace(out string whyNot)
    {
        whyNot = _isInPlace ? "" : WhoIsAt(path) switch
        {
            SocketOccupant.Nobody or SocketOccupant.Gone => "",
            SocketOccupant.Somebody => "another shield answers there: give each its own shield_control_socket",
            _ => "there is something else than a socket: move it, or change shield_control_socket",
        };
        if (_isInPlace || whyNot.Length > 0)
            return _isInPlace;
        try
        {
            File.Move(_made, path, overwrite: true);
            _isInPlace = true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            whyNot = e.Message;
        }

        return _isInPlace;
    }

    /// <summary>Removes the file from its place. .NET deletes it by the name it was bound to, which it has only while it is not there.</summary>
    public void Remove()
    {
        try
        {
            if (_isInPlace && UnixFile.TryIdentify(path, out var there) && there == _identity)
                File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The next shield finds that nobody answers there.
        }
    }

    private static SocketOccupant WhoIsAt(string path) => !UnixFile.TryIdentify(path, out var there) ? SocketOccupant.Nobody
        : there.Kind != UnixFile.Socket ? SocketOccupant.SomethingElse
        : SocketOccupants.Answers(path) ? SocketOccupant.Somebody : SocketOccupant.Gone;
}
