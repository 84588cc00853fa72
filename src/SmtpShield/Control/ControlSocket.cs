using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using SmtpShield.Listening;
using SmtpShield.Options;
using SmtpShield.Upgrade;

namespace SmtpShield.Control;

/// <summary>
/// The Unix socket of <c>shield_control_socket</c>: made at start, in its place now or when a shield that lives there has gone, and given up for a successor.
/// Failing is a line in the log: mail is served without it.
/// </summary>
internal sealed partial class ControlSocket : IListeningSockets, IDisposable
{
    /// <summary>Who may connect (unix(7)): the process's user, its group, and root.</summary>
    public const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite;

    /// <summary>Connections the kernel holds that nobody has accepted yet.</summary>
    public const int Backlog = 64;

    // For one that has gone meanwhile.
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    private readonly ISocketFile _file;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Predecessor? _predecessor;
    private readonly Lock _gate = new();
    private Socket? _socket;
    private ITimer? _looks;
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
        _predecessor = predecessor;
        Path = snapshot.Current.Control.Socket;
        _file = isMoved && OperatingSystem.IsLinux() ? new MovedSocketFile(Path) : new SocketFileInPlace(Path);
        _time = time;
        _logger = logger;
    }

    /// <summary>Its place; empty where there is to be none.</summary>
    public string Path { get; }

    /// <summary>None: the successor makes its own.</summary>
    public IReadOnlyList<Socket> Sockets => [];

    /// <summary>The socket, which listens; asked for behind <see cref="TryListen"/> only.</summary>
    public Socket Socket => _socket ?? throw new InvalidOperationException($"{nameof(TryListen)} has not succeeded.");

    /// <summary>Makes the socket, which takes its place now or when that is free.</summary>
    /// <returns>Whether it listens; if not, the log says why.</returns>
    public bool TryListen()
    {
        if (Path.Length == 0)
            return false;
        try
        {
            _socket = _file.Make();
        }
        catch (Exception e) when (e is SocketException or IOException or UnauthorizedAccessException)
        {
            Log.NoSocket(_logger, Path,
                System.IO.Path.GetDirectoryName(Path) is var directory && !Directory.Exists(directory) ? $"there is no directory {directory}" : e.Message);
            return false;
        }

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
            _file.Remove();
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
            _file.Remove();
        }

        _socket?.Dispose();
    }

    private void TakePlace()
    {
        lock (_gate)
        {
            if (_isDisposed || _file.TryTakePlace(out var whyNot))
                return;
            Log.NotInPlace(_logger, Path, whyNot);
            _looks = _time.CreateTimer(static socket => ((ControlSocket)socket!).Look(), this, LookInterval, LookInterval);
        }
    }

    private void Look()
    {
        lock (_gate)
        {
            if (!_isDisposed && !_isLeft && _file.TryTakePlace(out _))
                _looks?.Dispose();
        }
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
