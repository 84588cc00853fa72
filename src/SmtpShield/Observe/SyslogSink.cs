using System.Net.Sockets;

namespace SmtpShield.Observe;

/// <summary>The syslog daemon, through its datagram socket; each line is one datagram. Connects again when the daemon has been restarted.</summary>
internal sealed class SyslogSink(string path, MaillogFormatter formatter) : IMaillogSink
{
    /// <summary>Where syslog daemons listen.</summary>
    public const string DefaultPath = "/dev/log";

    private readonly UnixDomainSocketEndPoint _daemon = new(path);
    private readonly byte[] _buffer = new byte[MaillogFormatter.MaxLength];
    private Socket? _socket;

    /// <summary>Whether there is one. A link to a place where nothing is, as one leaves that has gone, is none.</summary>
    public static bool IsThere(string path) =>
        File.Exists(path) && File.ResolveLinkTarget(path, returnFinalTarget: true) is not { Exists: false };

    /// <inheritdoc/>
    public async ValueTask<int> WriteAsync(ReadOnlyMemory<MaillogLine> lines, CancellationToken cancellationToken)
    {
        var written = 0;
        while (written < lines.Length)
        {
            var length = formatter.Format(lines.Span[written], _buffer);
            if (!await TrySendAsync(_buffer.AsMemory(0, length), cancellationToken))
                break;
            written++;
        }

        return written;
    }

    /// <inheritdoc/>
    public void Dispose() => _socket?.Dispose();

    private async ValueTask<bool> TrySendAsync(ReadOnlyMemory<byte> datagram, CancellationToken cancellationToken)
    {
        try
        {
            if (_socket is { } connected)
            {
                await connected.SendAsync(datagram, cancellationToken);
                return true;
            }
        }
        catch (SocketException)
        {
            // The daemon went away; it may be back already.
            Disconnect();
        }

        try
        {
            _socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
            await _socket.ConnectAsync(_daemon, cancellationToken);
            await _socket.SendAsync(datagram, cancellationToken);
            return true;
        }
        catch (SocketException)
        {
            Disconnect();
            return false;
        }
    }

    private void Disconnect()
    {
        _socket?.Dispose();
        _socket = null;
    }
}
