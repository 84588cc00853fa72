using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using System.Threading.Channels;

namespace SmtpShield.Testing.Smtp;

/// <summary>
/// A client that sends exactly the octets it is told to and takes in what comes, with the time each line came. It knows nothing of SMTP but where a reply ends.
/// </summary>
public sealed class RawSmtpClient : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);
    private Channel<(byte[] Octets, long Time)> _received = Channel.CreateUnbounded<(byte[], long)>();
    private readonly StringBuilder _pending = new();
    private readonly Socket _socket;
    private Task _reading = Task.CompletedTask;
    private Task _decrypting = Task.CompletedTask;
    private SslStream? _tls;
    private long _lastEvent;
    private long _pendingTime;

    private RawSmtpClient(Socket socket)
    {
        _socket = socket;
        _lastEvent = TimeProvider.System.GetTimestamp();
    }

    /// <summary>The client's own end.</summary>
    public IPEndPoint LocalEndPoint => (IPEndPoint)_socket.LocalEndPoint!;

    /// <summary>Whether the server has ended TLS with <c>close_notify</c>, and not by the end of the connection.</summary>
    public bool HasEndedTls { get; private set; }

    /// <summary>Connects from a loopback address.</summary>
    /// <param name="server">The server.</param>
    /// <param name="from">The client's address.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <param name="read">Whether to take in what comes from the start; otherwise from <see cref="StartReading"/> on.</param>
    public static async Task<RawSmtpClient> ConnectAsync(IPEndPoint server, IPAddress from, CancellationToken cancellationToken, bool read = true)
    {
        var socket = new Socket(from.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            socket.Bind(new IPEndPoint(from, 0));
            await socket.ConnectAsync(server, cancellationToken);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
        var client = new RawSmtpClient(socket);
        if (read)
            client.StartReading();
        return client;
    }

    /// <summary>Connects and sends, without giving up the thread between.</summary>
    public static RawSmtpClient ConnectAndSend(IPEndPoint server, IPAddress from, ReadOnlySpan<byte> octets)
    {
        var socket = new Socket(from.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            socket.Bind(new IPEndPoint(from, 0));
            socket.Connect(server);
            socket.Send(octets);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
        var client = new RawSmtpClient(socket);
        client.StartReading();
        return client;
    }

    /// <summary>Begins to take in what comes.</summary>
    public void StartReading() => _reading = ReadAsync(_received.Writer);

    /// <summary>Makes the TLS handshake; what is sent and read from here on goes inside. Any certificate will do.</summary>
    /// <param name="cancellationToken">Ends it.</param>
    /// <param name="serverName">The name the client asks for; null for none.</param>
    /// <param name="protocols">The versions it offers.</param>
    /// <param name="mayResume">Whether it resumes an earlier session with that name, if there was one.</param>
    /// <param name="behind">What it sends inside in one write with the last of the handshake (TLS 1.3); null for nothing.</param>
    /// <returns>The version, or null when there was no handshake; then the connection goes on in clear.</returns>
    public async Task<SslProtocols?> StartTlsAsync(CancellationToken cancellationToken, string? serverName = null, SslProtocols protocols = SslProtocols.None,
        bool mayResume = false, byte[]? behind = null)
    {
        var raw = _received;
        _received = Channel.CreateUnbounded<(byte[], long)>();
        var stream = new ReceivedOctetsStream(_socket, raw.Reader) { HoldsAnswers = behind is not null };
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(s_patience);
#pragma warning disable CA5359 // A certificate of a test is nobody's.
        var tls = new SslStream(stream, leaveInnerStreamOpen: false, static (_, _, _, _) => true);
#pragma warning restore CA5359
        try
        {
            // No name is sent where an address stands.
            await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = serverName
                ?? "127.0.0.1", EnabledSslProtocols = protocols, AllowTlsResume = mayResume }, patience.Token);
            if (behind is not null)
            {
                await tls.WriteAsync(behind, cancellationToken);
                await stream.ReleaseAsync(cancellationToken);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"No handshake within {s_patience.TotalSeconds} s");
        }
        catch (Exception failed) when (failed is AuthenticationException or IOException)
        {
            await tls.DisposeAsync();
            _received = raw;
            return null;
        }

        _lastEvent = TimeProvider.System.GetTimestamp();
        _tls = tls;
        _decrypting = DecryptAsync(tls, stream, _received.Writer);
        return tls.SslProtocol;
    }

    /// <summary>Says inside TLS that the client sends nothing more (<c>close_notify</c>); what is sent behind it goes in clear.</summary>
    public async Task EndTlsAsync()
    {
        var tls = _tls ?? throw new InvalidOperationException("There is no TLS to end.");
        await tls.ShutdownAsync();
        _tls = null;
    }

    /// <summary>Sends octets, one character each.</summary>
    public Task SendAsync(string octets, CancellationToken cancellationToken) => SendAsync(Encoding.Latin1.GetBytes(octets), cancellationToken);

    /// <summary>Sends octets in one write.</summary>
    public async Task SendAsync(ReadOnlyMemory<byte> octets, CancellationToken cancellationToken)
    {
        _lastEvent = TimeProvider.System.GetTimestamp();
        try
        {
            if (_tls is not null)
            {
                await _tls.WriteAsync(octets, cancellationToken);
                return;
            }
            while (!octets.IsEmpty)
                octets = octets[await _socket.SendAsync(octets, cancellationToken)..];
        }
        catch (Exception closed) when (closed is SocketException or IOException)
        {
            // The server has closed: the reader says so, after all that came before.
        }
    }

    /// <summary>Sends a command line and reads its reply.</summary>
    public async Task<string> CommandAsync(string line, CancellationToken cancellationToken)
    {
        await SendAsync(line + "\r\n", cancellationToken);
        return await ReplyAsync(cancellationToken);
    }

    /// <summary>Reads one reply; its lines are joined by LF, and <c>closed</c> stands for the end of the connection.</summary>
    public async Task<string> ReplyAsync(CancellationToken cancellationToken)
    {
        var lines = await ReadReplyAsync(cancellationToken);
        return lines.Count == 0 ? "closed" : string.Join('\n', lines.Select(line => line.Text));
    }

    /// <summary>Reads one reply; no lines, or a last line that says more is coming, mean that the connection was closed.</summary>
    public async Task<IReadOnlyList<ReplyLine>> ReadReplyAsync(CancellationToken cancellationToken)
    {
        var lines = new List<ReplyLine>();
        while (await ReadLineAsync(cancellationToken) is { } line)
        {
            lines.Add(line);
            if (line.IsLast)
                break;
        }
        return lines;
    }

    /// <summary>Reads one line, or <see langword="null"/> when the server has closed the connection, in order or by RST.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <param name="keepEnd">Whether the line's end is part of its text.</param>
    public async Task<ReplyLine?> ReadLineAsync(CancellationToken cancellationToken, bool keepEnd = false)
    {
        int end;
        while ((end = IndexOfLineEnd()) < 0)
        {
            if (!await WaitForMoreAsync(cancellationToken))
                return null;
            var (octets, time) = await _received.Reader.ReadAsync(cancellationToken);
            _pending.Append(Encoding.Latin1.GetString(octets));
            _pendingTime = time;
        }
        var text = keepEnd ? _pending.ToString(0, end + 1) : _pending.ToString(0, end).TrimEnd('\r');
        _pending.Remove(0, end + 1);
        var delay = _pendingTime > _lastEvent ? TimeProvider.System.GetElapsedTime(_lastEvent, _pendingTime) : TimeSpan.Zero;
        _lastEvent = Math.Max(_lastEvent, _pendingTime);
        return new ReplyLine(text, delay);
    }

    /// <summary>Waits for the server's close and returns what came before it: an empty string when that was nothing.</summary>
    public async Task<string> ReadToEndAsync(CancellationToken cancellationToken)
    {
        while (await WaitForMoreAsync(cancellationToken))
        {
            var (octets, time) = await _received.Reader.ReadAsync(cancellationToken);
            _pending.Append(Encoding.Latin1.GetString(octets));
            _pendingTime = time;
        }
        var rest = _pending.ToString();
        _pending.Clear();
        return rest;
    }

    /// <summary>What has come and was not read, without waiting.</summary>
    public string Unread()
    {
        while (_received.Reader.TryRead(out var received))
            _pending.Append(Encoding.Latin1.GetString(received.Octets));
        return _pending.ToString();
    }

    /// <summary>Waits for something that was not read yet, or the server's close.</summary>
    /// <returns>Whether something has come in time.</returns>
    public async Task<bool> WaitForMoreAsync(TimeSpan longest, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(longest);
        try
        {
            return await _received.Reader.WaitToReadAsync(patience.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <summary>Says that the client sends nothing more; it still reads.</summary>
    public void EndSending()
    {
        try
        {
            _socket.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // The server was faster.
        }
    }

    /// <summary>Closes the connection without a word: with FIN, or with RST.</summary>
    public async Task VanishAsync(bool reset)
    {
        _socket.LingerState = new LingerOption(reset, 0);
        if (!reset)
            EndSending();
        _socket.Close();
        await _reading;
        await _decrypting;
    }

    /// <summary>Closes the connection.</summary>
    public async ValueTask DisposeAsync()
    {
        _socket.Dispose();
        await _reading;
        await _decrypting;
    }

    private int IndexOfLineEnd()
    {
        for (var index = 0; index < _pending.Length; index++)
        {
            if (_pending[index] == '\n')
                return index;
        }
        return -1;
    }

    private async Task<bool> WaitForMoreAsync(CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(s_patience);
        try
        {
            return await _received.Reader.WaitToReadAsync(patience.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"Neither a reply nor a close within {s_patience.TotalSeconds} s; incomplete: \"{_pending}\"");
        }
    }

    private async Task DecryptAsync(SslStream tls, ReceivedOctetsStream raw, ChannelWriter<(byte[] Octets, long Time)> received)
    {
        var buffer = new byte[65536];
        try
        {
            int count;
            while ((count = await tls.ReadAsync(buffer)) > 0)
                received.TryWrite((buffer[..count], raw.LastTime));
            HasEndedTls = !raw.IsAtEnd;
        }
        catch (Exception closed) when (closed is IOException or ObjectDisposedException)
        {
            // As without TLS: what came before stays readable.
        }
        received.TryComplete();
    }

    private async Task ReadAsync(ChannelWriter<(byte[] Octets, long Time)> received)
    {
        var buffer = new byte[65536];
        try
        {
            int count;
            while ((count = await _socket.ReceiveAsync(buffer)) > 0)
                received.TryWrite((buffer[..count], TimeProvider.System.GetTimestamp()));
        }
        catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
        {
            // RST and FIN are both "closed"; what came before stays readable.
        }
        received.TryComplete();
    }
}
