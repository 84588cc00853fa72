using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace SmtpShield.Testing.Attacks;

/// <summary>
/// One connection of an attack: as little as it takes to speak, so that thousands cost the machine less than the server they are for. The end of the
/// connection is a reply with code 0; nothing here throws because of what the server does.
/// </summary>
public sealed class AttackConnection : IDisposable
{
    private const int MaximumSegment = 2; // TCP_MAXSEG, tcp(7)
    private readonly byte[] _buffer = new byte[512];
    private readonly Socket _socket;
    private int _length;

    private AttackConnection(Socket socket, AttackTally tally, int number) => (_socket, Tally, Number) = (socket, tally, number);

    /// <summary>Where what it sees is counted.</summary>
    public AttackTally Tally { get; }

    /// <summary>A number of its own within the attack.</summary>
    public int Number { get; }

    /// <summary>Connects from a loopback address; null when that failed.</summary>
    public static async Task<AttackConnection?> ConnectAsync(
        IPEndPoint server, IPAddress from, AttackTally tally, int number, bool hasSmallBuffers, CancellationToken cancellationToken)
    {
        // RST at the end: connections that are over would fill the kernel's table, which is read each few milliseconds.
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, LingerState = new LingerOption(true, 0) };
        try
        {
            if (hasSmallBuffers)
            {
                socket.ReceiveBufferSize = 1;
                var segment = new byte[sizeof(int)];
                BinaryPrimitives.WriteInt32LittleEndian(segment, 536);
                socket.SetRawSocketOption((int)ProtocolType.Tcp, MaximumSegment, segment);
            }
            socket.Bind(new IPEndPoint(from, 0));
            await socket.ConnectAsync(server, cancellationToken);
            tally.Connect(established: true);
            return new(socket, tally, number);
        }
        catch (SocketException)
        {
            socket.Dispose();
            tally.Connect(established: false);
            return null;
        }
        catch (OperationCanceledException)
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Waits for the greeting, and says whether it is a 220.</summary>
    public async Task<bool> IsGreetedAsync(CancellationToken cancellationToken)
    {
        var code = await ReadReplyAsync(cancellationToken);
        Tally.Greet(code);
        return code == 220;
    }

    /// <summary>Sends a command line and waits for its reply.</summary>
    /// <returns>The reply's code; 0 when the server has closed.</returns>
    public async Task<int> CommandAsync(string line, CancellationToken cancellationToken)
    {
        if (!await SendAsync(Encoding.ASCII.GetBytes(line + "\r\n"), cancellationToken))
            return 0;
        var code = await ReadReplyAsync(cancellationToken);
        Tally.Reply(code);
        return code;
    }

    /// <summary>Sends octets; false when the server has closed.</summary>
    public async Task<bool> SendAsync(ReadOnlyMemory<byte> octets, CancellationToken cancellationToken)
    {
        try
        {
            while (!octets.IsEmpty)
                octets = octets[await _socket.SendAsync(octets, SocketFlags.None, cancellationToken)..];
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>Waits for any octets; false when the server has closed.</summary>
    public async Task<bool> IsAnsweredAsync(CancellationToken cancellationToken)
    {
        _length = 0;
        return await ReadMoreAsync(cancellationToken);
    }

    /// <summary>Waits until the server closes; what it says before is dropped.</summary>
    public async Task WaitForEndAsync(CancellationToken cancellationToken)
    {
        while (await IsAnsweredAsync(cancellationToken))
        {
        }
    }

    /// <summary>Ends it with RST.</summary>
    public void Dispose() => _socket.Dispose();

    // A line longer than the buffer is none of a reply: its beginning is what counts.
    private async Task<int> ReadReplyAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            int end;
            while ((end = _buffer.AsSpan(0, _length).IndexOf((byte)'\n')) < 0)
            {
                if (_length == _buffer.Length || !await ReadMoreAsync(cancellationToken))
                    return 0;
            }
            var isLast = end < 4 || _buffer[3] != '-';
            var code = end >= 3 && int.TryParse(_buffer.AsSpan(0, 3), out var digits) ? digits : 0;
            _buffer.AsSpan(end + 1, _length - end - 1).CopyTo(_buffer);
            _length -= end + 1;
            if (isLast)
                return code;
        }
    }

    private async Task<bool> ReadMoreAsync(CancellationToken cancellationToken)
    {
        try
        {
            var count = await _socket.ReceiveAsync(_buffer.AsMemory(_length), SocketFlags.None, cancellationToken);
            _length += count;
            return count > 0;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
