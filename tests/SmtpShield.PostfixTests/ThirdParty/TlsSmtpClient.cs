using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace SmtpShield.PostfixTests.ThirdParty;

/// <summary>A client that sends exactly the octets it is told to, in clear or in TLS, and ends as it is told to. It takes any certificate.</summary>
internal sealed class TlsSmtpClient : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);
    private readonly Socket _socket;
    private readonly StringBuilder _unread = new();
    private Stream _stream;

    private TlsSmtpClient(Socket socket) => (_socket, _stream) = (socket, new NetworkStream(socket));

    /// <summary>The client's own end.</summary>
    public IPEndPoint LocalEndPoint => (IPEndPoint)_socket.LocalEndPoint!;

    /// <summary>The fingerprint of the certificate it was shown.</summary>
    public string? Certificate => (_stream as SslStream)?.RemoteCertificate?.GetCertHashString();

    /// <summary>Connects from a loopback address.</summary>
    public static async Task<TlsSmtpClient> ConnectAsync(IPEndPoint server, string from, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Parse(from), 0));
            await socket.ConnectAsync(server, cancellationToken);
            return new(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Connects and begins TLS: after the greeting and EHLO, or at once and before the greeting.</summary>
    public static async Task<TlsSmtpClient> ConnectWithTlsAsync(
        IPEndPoint server, string from, bool isWrapped, CancellationToken cancellationToken, string helo = "client.example")
    {
        var client = await ConnectAsync(server, from, cancellationToken);
        try
        {
            if (isWrapped)
            {
                await client.HandshakeAsync(cancellationToken);
                Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("220 "));
                return client;
            }
            Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("220 "));
            Assert.That(await client.CommandAsync($"EHLO {helo}", cancellationToken), Does.StartWith("250"));
            Assert.That(await client.CommandAsync("STARTTLS", cancellationToken), Does.StartWith("220 "));
            await client.HandshakeAsync(cancellationToken);
            return client;
        }
        catch
        {
            await client.DisposeAsync();
            throw;
        }
    }

    /// <summary>Makes the handshake.</summary>
    public async Task HandshakeAsync(CancellationToken cancellationToken)
    {
        var tls = new SslStream(_stream);
        _stream = tls;
        await tls.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions { TargetHost = "mail.example.test", RemoteCertificateValidationCallback = static (_, certificate, _, _) =>
                certificate is not null, AllowTlsResume = false }, cancellationToken);
    }

    /// <summary>Sends octets, one character each.</summary>
    public Task SendAsync(string octets, CancellationToken cancellationToken) => SendAsync(Encoding.Latin1.GetBytes(octets), cancellationToken);

    /// <summary>Sends octets.</summary>
    public async Task SendAsync(byte[] octets, CancellationToken cancellationToken) => await _stream.WriteAsync(octets, cancellationToken);

    /// <summary>Sends a command line and reads its reply.</summary>
    public async Task<string> CommandAsync(string line, CancellationToken cancellationToken)
    {
        await SendAsync(line + "\r\n", cancellationToken);
        return await ReplyAsync(cancellationToken);
    }

    /// <summary>Reads a reply; its lines are joined by LF, and <c>closed</c> stands for the end of the connection.</summary>
    public async Task<string> ReplyAsync(CancellationToken cancellationToken)
    {
        var reply = new StringBuilder();
        while (true)
        {
            var line = await ReadLineAsync(cancellationToken);
            if (line is null)
                return reply.Append("closed").ToString();
            reply.Append(line);
            if (line.Length < 4 || line[3] != '-')
                return reply.ToString();
            reply.Append('\n');
        }
    }

    /// <summary>Says EHLO and begins a message to <paramref name="to"/>, up to where its DATA or BDAT would be.</summary>
    public async Task BeginMessageAsync(string to, CancellationToken cancellationToken)
    {
        foreach (var command in (string[])["EHLO client.example", "MAIL FROM:<a@client.example>", $"RCPT TO:<{to}@example.test>"])
            Assert.That(await CommandAsync(command, cancellationToken), Does.StartWith("250"));
    }

    /// <summary>Ends the connection: with close_notify and FIN, with FIN alone, or with RST.</summary>
    public async Task EndAsync(string how, CancellationToken cancellationToken)
    {
        if (how == "close_notify" && _stream is SslStream tls)
            await tls.ShutdownAsync();
        cancellationToken.ThrowIfCancellationRequested();
        _socket.LingerState = new LingerOption(how == "RST", 0);
        if (how != "RST")
            _socket.Shutdown(SocketShutdown.Send);
        _socket.Close();
    }

    public async ValueTask DisposeAsync()
    {
        _socket.Dispose();
        await _stream.DisposeAsync();
    }

    private async Task<string?> ReadLineAsync(CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(s_patience);
        var buffer = new byte[4096];
        int end;
        while ((end = _unread.ToString().IndexOf('\n', StringComparison.Ordinal)) < 0)
        {
            int count;
            try
            {
                count = await _stream.ReadAsync(buffer, patience.Token);
            }
            catch (IOException)
            {
                return null;
            }
            if (count == 0)
                return null;
            _unread.Append(Encoding.Latin1.GetString(buffer, 0, count));
        }
        var line = _unread.ToString(0, end).TrimEnd('\r');
        _unread.Remove(0, end + 1);
        return line;
    }
}
