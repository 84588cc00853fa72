using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace SmtpShield.Host.Rehearsal;

/// <summary>
/// One connection of a rehearsal's client to the shield under rehearsal. What the shield does throws nothing: the end is an <see cref="Answer"/>.
/// </summary>
internal sealed class LoopbackClient : IDisposable
{
    private const int LongestReply = 65536;

    private readonly Socket _socket;
    private readonly byte[] _buffer = new byte[2048];
    private Stream _stream;
    private int _length;

    /// <summary>What the last EHLO was answered.</summary>
    public Answer Ehlo { get; private set; } = Answer.Closed;

    private LoopbackClient(Socket socket)
    {
        _socket = socket;
        _stream = new NetworkStream(socket, ownsSocket: true);
    }

    /// <summary>Connects, and says in a PROXY header whose connection it is.</summary>
    /// <param name="shield">Where the shield listens: a loopback address.</param>
    /// <param name="client">The client's address.</param>
    /// <param name="hasTls">Whether the handshake comes first.</param>
    /// <param name="early">What it says in the same moment, in clear.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Null: that failed.</returns>
    public static async Task<LoopbackClient?> ConnectAsync(
        IPEndPoint shield, IPAddress client, bool hasTls, string early, CancellationToken cancellationToken)
    {
        if (!IPAddress.IsLoopback(shield.Address))
            throw new ArgumentException("A rehearsal contacts loopback addresses only.", nameof(shield));

        // RST at the end: thousands of connections that are over would keep their ports for a minute.
        var socket = new Socket(shield.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, LingerState = new(enable: true, 0) };
        try
        {
            await socket.ConnectAsync(shield, cancellationToken);
            var connection = new LoopbackClient(socket);
            await connection.SendAsync($"PROXY TCP4 {client} {IPAddress.Loopback} {((IPEndPoint)socket.LocalEndPoint!).Port} 25\r\n{early}", cancellationToken);
            if (!hasTls || await connection.BeginTlsAsync(cancellationToken))
                return connection;
        }
        catch (SocketException)
        {
            // The shield does not accept it.
        }

        socket.Dispose();
        return null;
    }

    /// <summary>Sends a line and waits for its reply.</summary>
    public async Task<Answer> CommandAsync(string line, CancellationToken cancellationToken)
    {
        await SendAsync(line + "\r\n", cancellationToken);
        var answer = await ReplyAsync(cancellationToken);
        if (line.StartsWith("EHLO ", StringComparison.Ordinal))
            Ehlo = answer;
        return answer;
    }

    /// <summary>Sends octets; that the connection is over shows with the next reply.</summary>
    public async Task<bool> SendAsync(string text, CancellationToken cancellationToken)
    {
        try
        {
            await _stream.WriteAsync(Encoding.ASCII.GetBytes(text), cancellationToken);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>Waits for a whole reply.</summary>
    public async Task<Answer> ReplyAsync(CancellationToken cancellationToken)
    {
        var text = new StringBuilder();
        while (text.Length < LongestReply && await LineAsync(cancellationToken) is { } line)
        {
            text.Append(line);
            if (line.Length < 4 || line[3] != '-')
                return new(line.Length >= 3 && int.TryParse(line.AsSpan(0, 3), out var code) ? code : 0, text.ToString());
            text.Append('\n');
        }

        return Answer.Closed;
    }

    /// <summary>Waits until the connection is over; what is said before is dropped.</summary>
    public async Task WaitForEndAsync(CancellationToken cancellationToken)
    {
        do
            _length = 0;
        while (await ReadAsync(cancellationToken) > 0);
    }

    /// <summary>The handshake: a whole one, as of a client that comes for the first time. The certificate is not looked at.</summary>
    public async Task<bool> BeginTlsAsync(CancellationToken cancellationToken)
    {
        var tls = new SslStream(_stream);
        try
        {
            await tls.AuthenticateAsClientAsync(
                new()
                {
                    TargetHost = "rehearsal.example",
                    AllowTlsResume = false,
                    RemoteCertificateValidationCallback = static (_, certificate, _, _) => certificate is not null,
                },
                cancellationToken);
            _stream = tls;
            return true;
        }
        catch (Exception exception) when (exception is IOException or System.Security.Authentication.AuthenticationException)
        {
            await tls.DisposeAsync();
            return false;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stream.Dispose();
        _socket.Dispose();
    }

    // Null: the connection is over, or what came is no line of a reply.
    private async Task<string?> LineAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            if (_buffer.AsSpan(0, _length).IndexOf((byte)'\n') is >= 0 and var end)
            {
                var line = Encoding.Latin1.GetString(_buffer, 0, end).TrimEnd('\r');
                _buffer.AsSpan(end + 1, _length - end - 1).CopyTo(_buffer);
                _length -= end + 1;
                return line;
            }

            if (_length == _buffer.Length || await ReadAsync(cancellationToken) is not (> 0 and var count))
                return null;
            _length += count;
        }
    }

    private async Task<int> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _stream.ReadAsync(_buffer.AsMemory(_length), cancellationToken);
        }
        catch (IOException)
        {
            return 0;
        }
    }
}
