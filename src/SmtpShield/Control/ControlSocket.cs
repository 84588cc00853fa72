using System.Globalization;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using SmtpShield.Listening;
using SmtpShield.Options;
using SmtpShield.PostfixConf.Files;
using SmtpShield.Upgrade;

namespace SmtpShield.Control;

/// <summary>
/// The Unix socket of <c>shield_control_socket</c>. It is made beside its place, with its mode, and moved there when nobody answers there: so it never has
/// another mode, what a killed shield has left is replaced, and a shield that lives keeps its own until a successor has taken over. Failing is a line in the
/// log: mail is served without it.
/// </summary>
/// <remarks>On other systems than Linux it is made in its place, if that is free when the shield starts, and its directory says who may connect.</remarks>
internal sealed partial class ControlSocket : IListeningSockets, IDisposable
{
    /// <summary>Who may connect (unix(7)): the process's user, its group, and root.</summary>
    public const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite;

    /// <summary>Connections the kernel holds that nobody has accepted yet.</summary>
    public const int Backlog = 64;

    // For one that has gone meanwhile.
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    private readonly bool _isMoved;
    private readonly string _made;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Predecessor? _predecessor;
    private readonly Lock _gate = new();
    private Socket? _socket;
    private UnixFileIdentity _identity;
    private ITimer? _looks;
    private bool _isInPlace;
    private bool _isLeft;
    private bool _isDisposed;

    /// <summary>Makes nothing yet.</summary>
    public ControlSocket(ShieldSnapshot snapshot, TimeProvider time, ILogger<ControlSocket> logger, Predecessor? predecessor = null)
        : this(snapshot, time, logger, OperatingSystem.IsLinux(), predecessor)
    {
    }

    /// <summary>The same, as on another system.</summary>
    internal ControlSocket(
        ShieldSnapshot snapshot, TimeProvider time, ILogger<ControlSocket> logger, bool isMoved, Predecessor? predecessor = null)
    {
        (_isMoved, _predecessor) = (isMoved, predecessor);
        Path = snapshot.Current.Control.Socket;
        _made = Path + "." + Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        _time = time;
        _logger = logger;
    }

    /// <summary>Its place; empty where there is to be none.</summary>
    public string Path { get; }

    /// <summary>None: the successor makes its own.</summary>
    public IReadOnlyList<Socket> Sockets => [];

    /// <summary>The socket, which listens; asked for behind <see cref="TryListen"/> only.</summary>
    public Socket Socket => _socket ?? throw new InvalidOperationException($"{nameof(TryListen)} has not succeeded.");

    /// <summary>Makes the socket and moves it to its place, now or when that is free.</summary>
    /// <returns>Whether it listens; if not, the log says why.</returns>
    public bool TryListen()
    {
        if (Path.Length == 0)
            return false;
        if (!_isMoved || !OperatingSystem.IsLinux())
            return TryListenInPlace();
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            if (WhoIsAt(_made) == Occupant.Gone)
                File.Delete(_made);
            // Linux makes the file with the mode the socket has, less the umask.
            using (var file = new SafeFileHandle(socket.Handle, ownsHandle: false))
                File.SetUnixFileMode(file, Mode);
            socket.Bind(new UnixDomainSocketEndPoint(_made));
            File.SetUnixFileMode(_made, Mode);
            socket.Listen(Backlog);
        }
        catch (Exception e) when (e is SocketException or IOException or UnauthorizedAccessException)
        {
            socket.Dispose();
            SayWhyNot(e);
            return false;
        }

        _socket = socket;
        UnixFile.TryIdentify(_made, out _identity);
        if (_predecessor is null)
            TakePlace();
        else
            _predecessor.Left += TakePlace;
        return true;
    }

    /// <summary>Gives its place up, for the successor's. Who is connected stays.</summary>
    public void Leave()
    {
        lock (_gate)
        {
            _looks?.Dispose();
            RemoveFromPlace();
            _isLeft = true;
        }
    }

    /// <summary>Closes it, and removes it unless somebody else's stands in its place.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_isDisposed)
                return;
            _isDisposed = true;
            _looks?.Dispose();
            RemoveFromPlace();
        }

        // .NET deletes the file by the name it was bound to, which it has only while it is not in its place.
        _socket?.Dispose();
    }

    private bool TryListenInPlace()
    {
        if (!Socket.OSSupportsUnixDomainSockets)
        {
            Log.NoSocket(_logger, Path, "this system has no Unix sockets");
            return false;
        }

        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            // What was left by one that was killed is empty, and nobody answers.
            if (new FileInfo(Path) is { Exists: true } there)
            {
                if (there.Length > 0 || Answers(Path))
                {
                    socket.Dispose();
                    Log.NoSocket(_logger, Path, "another shield answers there, or it is no socket: name another shield_control_socket");
                    return false;
                }

                there.Delete();
            }

            socket.Bind(new UnixDomainSocketEndPoint(Path));
            if (!OperatingSystem.IsWindows())
                File.SetUnixFileMode(Path, Mode);
            socket.Listen(Backlog);
        }
        catch (Exception e) when (e is SocketException or IOException or UnauthorizedAccessException)
        {
            socket.Dispose();
            SayWhyNot(e);
            return false;
        }

        _socket = socket;
        return true;
    }

    private void SayWhyNot(Exception reason) => Log.NoSocket(_logger, Path,
        System.IO.Path.GetDirectoryName(Path) is var directory && !Directory.Exists(directory) ? $"there is no directory {directory}" : reason.Message);

    private void TakePlace()
    {
        lock (_gate)
        {
            if (_isDisposed || TryTakePlace(out var whyNot))
                return;
            Log.NotInPlace(_logger, Path, whyNot);
            _looks = _time.CreateTimer(static socket => ((ControlSocket)socket!).Look(), this, LookInterval, LookInterval);
        }
    }

    private void RemoveFromPlace()
    {
        try
        {
            if (_isInPlace && UnixFile.TryIdentify(Path, out var there) && there == _identity)
                File.Delete(Path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The next shield finds that nobody answers there.
        }
    }

    private void Look()
    {
        lock (_gate)
        {
            if (!_isDisposed && !_isLeft && !_isInPlace && TryTakePlace(out _))
                _looks?.Dispose();
        }
    }

    private bool TryTakePlace(out string whyNot)
    {
        whyNot = WhoIsAt(Path) switch
        {
            Occupant.Nobody or Occupant.Gone => "",
            Occupant.Somebody => "another shield answers there: give each its own shield_control_socket",
            _ => "there is something else than a socket: move it, or change shield_control_socket",
        };
        if (whyNot.Length > 0)
            return false;
        try
        {
            File.Move(_made, Path, overwrite: true);
            _isInPlace = true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            whyNot = e.Message;
        }

        return _isInPlace;
    }

    private static Occupant WhoIsAt(string path)
    {
        if (!UnixFile.TryIdentify(path, out var there))
            return Occupant.Nobody;
        if (there.Kind != UnixFile.Socket)
            return Occupant.SomethingElse;

        return Answers(path) ? Occupant.Somebody : Occupant.Gone;
    }

    // Without waiting for one whose queue is full.
    private static bool Answers(string path)
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

    private enum Occupant
    {
        Nobody,
        Gone,
        Somebody,
        SomethingElse,
    }

    private static partial class Log
    {
        [LoggerMessage(2110, LogLevel.Warning, "control socket {Path}: {Reason}; the shield runs without one", EventName = "NoControlSocket")]
        public static partial void NoSocket(ILogger logger, string path, string reason);

        [LoggerMessage(2111, LogLevel.Warning, "control socket {Path}: {Reason}; this one's takes its place as soon as it is free",
            EventName = "ControlSocketNotInPlace")]
        public static partial void NotInPlace(ILogger logger, string path, string reason);
    }
}
