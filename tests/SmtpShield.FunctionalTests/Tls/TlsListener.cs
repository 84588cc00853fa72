using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Clients;
using SmtpShield.Options;
using SmtpShield.Tls;
using SmtpShield.Transport;

namespace SmtpShield.FunctionalTests.Tls;

/// <summary>A service that begins TLS with everybody who connects and sends back what comes.</summary>
internal sealed class TlsListener : IAsyncDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly ShieldService _service;
    private readonly Func<TlsTransport, Task> _serve;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentBag<Task> _sessions = [];
    private readonly Task _accepting;

    public TlsListener(TlsOptions options, Func<TlsTransport, Task>? serve = null, TimeProvider? time = null, ShieldService? service = null)
    {
        _service = service ?? new ShieldService("smtp", new(new() { Tls = options }));
        _serve = serve ?? EchoAsync;
        Certificates = new(_service, Logger<CertificateStore>(), time ?? TimeProvider.System);
        Server = new(Certificates, Logger<TlsServer>(), time ?? TimeProvider.System);
        _socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _socket.Listen(2048);
        _accepting = AcceptAsync();
    }

    public FakeLogCollector Log { get; } = new();

    public CertificateStore Certificates { get; }

    public TlsServer Server { get; }

    public BlockingCollection<TlsHandshake> Handshakes { get; } = [];

    public IPEndPoint EndPoint => (IPEndPoint)_socket.LocalEndPoint!;

    public static async Task EchoAsync(TlsTransport transport)
    {
        while (true)
        {
            var read = await transport.Input.ReadAsync();
            foreach (var segment in read.Buffer)
                await transport.Output.WriteAsync(segment);
            transport.Input.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted || read.IsCanceled)
                return;
        }
    }

    public async Task<SslStream> ConnectAsync(Action<SslClientAuthenticationOptions>? configure = null)
    {
        var stream = await ConnectRawAsync();
        var tls = new SslStream(stream);
#pragma warning disable CA5359 // The certificate is one of the test's own.
        var options = new SslClientAuthenticationOptions { TargetHost = "unknown.test", RemoteCertificateValidationCallback = static (_, _, _, _) =>
            true, AllowTlsResume = false };
#pragma warning restore CA5359
        configure?.Invoke(options);
        await tls.AuthenticateAsClientAsync(options);
        return tls;
    }

    public async Task<NetworkStream> ConnectRawAsync(string from = "127.0.0.1")
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Parse(from), 0));
        await socket.ConnectAsync(EndPoint);
        return new NetworkStream(socket, ownsSocket: true);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _socket.Dispose();
        await _accepting;
        await Task.WhenAll(_sessions);
        Certificates.Dispose();
        _stop.Dispose();
        Handshakes.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _sessions.Add(ServeAsync(await _socket.AcceptAsync(_stop.Token)));
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        await Task.Yield();
        var client = new ClientIdentity((IPEndPoint)socket.RemoteEndPoint!);
        await using var connection = new SocketConnection(socket, ArrayPool<byte>.Shared);
        await using var close = _stop.Token.Register(static connection => ((SocketConnection)connection!).Abort(), connection);
        try
        {
            var options = _service.Unstressed.Tls;
            if (Server.TryEnter(client.Range, static () => int.MaxValue, options) is not { } slot)
                return;
            var handshake = await Server.AcceptAsync(
                connection, client, options, slot, static _ => { }, static log => log, isCheck: false, CancellationToken.None);
            Handshakes.Add(handshake);
            if (handshake.Transport is not { } transport)
                return;
            await using (transport)
                await _serve(transport);
        }
        catch (IOException)
        {
            // The test's client is gone.
        }
    }

    private Logger<T> Logger<T>() => new(new LoggerFactory([new FakeLoggerProvider(Log)]));
}
