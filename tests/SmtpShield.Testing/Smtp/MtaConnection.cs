using System.Net.Sockets;
using System.Text;

namespace SmtpShield.Testing.Smtp;

/// <summary>One connection to <see cref="ScriptedMta"/>. It records exactly the octets it received, one character each, and how the connection ended.</summary>
public sealed class MtaConnection : IAsyncDisposable
{
    private const string Farewell = "QUIT\r\n";

    private readonly Lock _gate = new();
    private readonly Socket _socket;
    private readonly StringBuilder _received = new();
    private readonly TaskCompletionSource<MtaEnding> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource _more = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _reading = Task.CompletedTask;
    private bool _isClosed;
    private int _position;

    internal MtaConnection(Socket socket)
    {
        _socket = socket;
        socket.NoDelay = true;
    }

    /// <summary>Completes when the peer sends nothing more.</summary>
    public Task<MtaEnding> Ended => _ended.Task;

    /// <summary>Whether the peer has reset the connection, also behind an orderly end, where reading no longer shows it.</summary>
    public bool IsReset => (int)_socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.Error)! != 0;

    /// <summary>All that was received so far.</summary>
    public string Received
    {
        get
        {
            lock (_gate)
                return _received.ToString();
        }
    }

    /// <summary>All that was received so far but QUIT at its end, with which the shield leaves an MTA that expects a command.</summary>
    public string ReceivedOfClient => Received is var all && all.EndsWith(Farewell, StringComparison.Ordinal) ? all[..^Farewell.Length] : all;

    /// <summary>How much was received so far.</summary>
    public int ReceivedLength
    {
        get
        {
            lock (_gate)
                return _received.Length;
        }
    }

    /// <summary>Begins to take in what comes.</summary>
    public void StartReading() => _reading = ReadAsync();

    /// <summary>Sends octets, one character each.</summary>
    public async Task SendAsync(string octets, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte> rest = Encoding.Latin1.GetBytes(octets);
        try
        {
            while (!rest.IsEmpty)
                rest = rest[await _socket.SendAsync(rest, cancellationToken)..];
        }
        catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
        {
            // The peer has closed: Ended says how.
        }
    }

    /// <summary>Reads a line without its CRLF; null when the peer ended before it was complete.</summary>
    public async Task<string?> ReadLineAsync(CancellationToken cancellationToken)
    {
        var line = await ReadThroughAsync("\r\n", cancellationToken);
        return line?[..^2];
    }

    /// <summary>Reads on to the end of a text, which is included; null when the peer ended before.</summary>
    public async Task<string?> ReadThroughAsync(string text, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task more;
            lock (_gate)
            {
                var all = _received.ToString(_position, _received.Length - _position);
                var at = all.IndexOf(text, StringComparison.Ordinal);
                if (at >= 0)
                {
                    _position += at + text.Length;
                    return all[..(at + text.Length)];
                }

                if (_ended.Task.IsCompleted)
                    return null;
                more = _more.Task;
            }

            await more.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Waits until so many octets have been received in all.</summary>
    public async Task ReadToLengthAsync(int length, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task more;
            lock (_gate)
            {
                if (_received.Length >= length || _ended.Task.IsCompleted)
                    return;
                more = _more.Task;
            }

            await more.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Waits until something has come that was not taken in, for a connection that does not read.</summary>
    public async Task WaitForOctetsAsync(CancellationToken cancellationToken) => await _socket.ReceiveAsync(Memory<byte>.Empty, cancellationToken);

    /// <summary>Says that the MTA sends nothing more.</summary>
    public void EndSending()
    {
        try
        {
            _socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
        {
            // The peer was faster.
        }
    }

    /// <summary>Closes the connection as a killed process does, or with RST.</summary>
    public void Close(bool reset = false)
    {
        _isClosed = true;
        try
        {
            _socket.LingerState = new(reset, 0);
        }
        catch (ObjectDisposedException)
        {
            // The test is over.
        }

        _socket.Dispose();
        _ended.TrySetResult(MtaEnding.Own);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _isClosed = true;
        _socket.Dispose();
        await _reading;
        _ended.TrySetResult(MtaEnding.Own);
    }

    private async Task ReadAsync()
    {
        var buffer = new byte[65536];
        var ending = MtaEnding.Fin;
        try
        {
            int count;
            while ((count = await _socket.ReceiveAsync(buffer)) > 0)
            {
                lock (_gate)
                    _received.Append(Encoding.Latin1.GetString(buffer, 0, count));
                Signal();
            }
        }
        catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
        {
            ending = _isClosed ? MtaEnding.Own : MtaEnding.Reset;
        }

        _ended.TrySetResult(ending);
        Signal();
    }

    private void Signal()
    {
        TaskCompletionSource more;
        lock (_gate)
            (more, _more) = (_more, new(TaskCreationOptions.RunContinuationsAsynchronously));
        more.SetResult();
    }
}
