using System.Buffers;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Connections;
using SmtpShield.Clients;
using SmtpShield.FunctionalTests.Transport;
using SmtpShield.Metrics;
using SmtpShield.Session;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Tls;
using SmtpShield.Throttling;
using SmtpShield.Tls;
using SmtpShield.Transport;

namespace SmtpShield.FunctionalTests.Tls;

/// <summary>The transport at a server, over real sockets; at the other end .NET's own stream over a socket the test can also use as it is.</summary>
[TestFixtureSource(typeof(TestedTransport), nameof(TestedTransport.Names))]
[CancelAfter(60_000)]
public class TlsTransportTests(string tested)
{
    private static readonly TestCertificate s_certificate = TestCertificate.Make("mx.test");
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);

    private readonly FakeTimeProvider _time = new();
    private readonly TestedTransport _tested = new(tested);
    private TransportConnection _connection = null!;
    private Socket _socket = null!;
    private CuttingStream _wire = null!;
    private SslStream _client = null!;
    private TlsTransport _transport = null!;

    [OneTimeTearDown]
    public void EndTransport() => _tested.Dispose();

    [SetUp]
    public async Task Handshake()
    {
        (_connection, _socket) = await PairAsync();
        _wire = new(new NetworkStream(_socket, ownsSocket: false));
        _client = new(_wire);
        (_transport, _) = await HandshakeAsync(_connection, _client, _time);
    }

    [TearDown]
    public async Task Close()
    {
        await _transport.DisposeAsync();
        await _connection.DisposeAsync();
        _wire.CutAt = int.MaxValue;
        _socket.Dispose();
        await _client.DisposeAsync();
        await _wire.DisposeAsync();
    }

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(4095)]
    [TestCase(4096)]
    [TestCase(4097)]
    [TestCase(16383)]
    [TestCase(16384)]
    [TestCase(16385)]
    [TestCase(1_000_000)]
    public async Task Echo_OfAnySize_ComesBackUnchanged(int size, CancellationToken cancellationToken)
    {
        var sent = new byte[size];
        new Random(size).NextBytes(sent);
        var serving = TlsListener.EchoAsync(_transport);
        var writing = _client.WriteAsync(sent, cancellationToken).AsTask();
        var received = new byte[size];
        await _client.ReadExactlyAsync(received, cancellationToken);
        await writing;
        await _client.ShutdownAsync();
        await serving;

        Assert.That(received, Is.EqualTo(sent));
    }

    [Test]
    public async Task ReadAsync_OfARecordInTwoHalves_WaitsForTheSecond(CancellationToken cancellationToken)
    {
        _wire.CutAt = 10;
        await _client.WriteAsync("hello"u8.ToArray(), cancellationToken);
        var reading = _transport.Input.ReadAsync(cancellationToken).AsTask();
        await Eventually.HoldsAsync(() => !_connection.HasInput, s_limit, "the half record is taken", cancellationToken);
        var wasPending = !reading.IsCompleted;
        await _wire.SendRestAsync(cancellationToken);

        Assert.That((wasPending, Text(await reading)), Is.EqualTo((true, "hello")));
    }

    [Test]
    public async Task ReadAsync_BehindCloseNotify_EndsForEver(CancellationToken cancellationToken)
    {
        await _client.WriteAsync("DATA"u8.ToArray(), cancellationToken);
        await _client.ShutdownAsync();
        await _socket.SendAsync("QUIT\r\n"u8.ToArray());
        var text = new StringBuilder();
        while (true)
        {
            var read = await _transport.Input.ReadAsync(cancellationToken);
            text.Append(Text(read));
            _transport.Input.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
                break;
        }

        var again = await _transport.Input.ReadAsync(cancellationToken);

        Assert.That((text.ToString(), again.IsCompleted, again.Buffer.IsEmpty), Is.EqualTo(("DATA", true, true)));
    }

    [Test]
    public async Task ReadAsync_OfAConnectionThatEndsBetweenRecords_Ends(CancellationToken cancellationToken)
    {
        _socket.Shutdown(SocketShutdown.Send);
        var read = await _transport.Input.ReadAsync(cancellationToken);

        Assert.That((read.IsCompleted, read.Buffer.IsEmpty), Is.EqualTo((true, true)));
    }

    [Test]
    public async Task ReadAsync_OfAConnectionThatEndsWithinARecord_Fails(CancellationToken cancellationToken)
    {
        _wire.CutAt = 10;
        await _client.WriteAsync("hello"u8.ToArray(), cancellationToken);
        _socket.Shutdown(SocketShutdown.Send);

        Assert.That(async () => await _transport.Input.ReadAsync(cancellationToken), Throws.InstanceOf<IOException>());
    }

    [Test]
    public async Task ReadAsync_OfPlaintext_FailsAndStaysFailed(CancellationToken cancellationToken)
    {
        await _socket.SendAsync("QUIT\r\nQUIT\r\n"u8.ToArray());

        Assert.That(async () => await _transport.Input.ReadAsync(cancellationToken), Throws.InstanceOf<IOException>());
        Assert.That(async () => await _transport.Input.ReadAsync(cancellationToken), Throws.InstanceOf<IOException>());
    }

    [Test]
    public void ReadAsync_OfAReset_Fails(CancellationToken cancellationToken)
    {
        _socket.LingerState = new(true, 0);
        _socket.Dispose();

        Assert.That(async () => await _transport.Input.ReadAsync(cancellationToken), Throws.InstanceOf<IOException>());
    }

    [Test]
    public async Task CancelPendingRead_OfAWaitingRead_IsOverBeforeItReturns(CancellationToken cancellationToken)
    {
        var reading = _transport.Input.ReadAsync(cancellationToken).AsTask();
        _transport.Input.CancelPendingRead();
        var isOver = reading.IsCompleted;
        _transport.Input.AdvanceTo((await reading).Buffer.Start);
        await _client.WriteAsync("hello"u8.ToArray(), cancellationToken);

        Assert.That((isOver, Text(await _transport.Input.ReadAsync(cancellationToken))), Is.EqualTo((true, "hello")));
    }

    [Test]
    public async Task ReadAsync_CancelledByItsToken_LosesNothing(CancellationToken cancellationToken)
    {
        using var cancel = new CancellationTokenSource();
        var reading = _transport.Input.ReadAsync(cancel.Token).AsTask();
        await cancel.CancelAsync();
        Assert.That(async () => await reading, Throws.InstanceOf<OperationCanceledException>());
        await _client.WriteAsync("hello"u8.ToArray(), cancellationToken);

        Assert.That(Text(await _transport.Input.ReadAsync(cancellationToken)), Is.EqualTo("hello"));
    }

    [Test]
    public async Task Leg_OverTls_ReadsWritesAndDetaches(CancellationToken cancellationToken)
    {
        var signal = new SessionSignal();
        var context = new SessionContext(
            new(new(new DefaultConnectionContext { Transport = _transport }, new(new("smtp", new(new())), isUnderStress: false), ProxyConnection.None,
                new(new(IPAddress.Loopback, 1))), counter: null, ClientLines.Unlimited, ServiceMetrics.Uncounted),
            static () => null);
        var side = new ClientLeg(_transport, signal, context, new(TimeProvider.System));
        side.Write("220 hello\r\n"u8);
        var unflushed = side.Unflushed;
        side.Flush();
        var line = new byte[11];
        await _client.ReadExactlyAsync(line, cancellationToken);
        side.Read(wantsMore: true);
        await _client.WriteAsync("EHLO x\r\n"u8.ToArray(), cancellationToken);
        await Eventually.HoldsAsync(() => side.Poll(), s_limit, "the command has come", cancellationToken);
        var command = Encoding.ASCII.GetString(System.Buffers.BuffersExtensions.ToArray(side.Received));
        side.Take(side.Received.Length);
        side.Read(wantsMore: true);
        side.Detach();
        await _client.WriteAsync("QUIT\r\n"u8.ToArray(), cancellationToken);

        Assert.That((unflushed, Encoding.ASCII.GetString(line), command), Is.EqualTo((11L, "220 hello\r\n", "EHLO x\r\n")));
        Assert.That(Text(await _transport.Input.ReadAsync(cancellationToken)), Is.EqualTo("QUIT\r\n"));
    }

    [Test]
    public async Task FlushAsync_ToAPeerThatDoesNotRead_IsNotOverUntilItDoes(CancellationToken cancellationToken)
    {
        var octets = new byte[8_000_000];
        var flush = _transport.Output.WriteAsync(octets, cancellationToken).AsTask();
        var wasPending = !flush.IsCompleted;
        await _client.ReadExactlyAsync(octets, cancellationToken);

        Assert.That((wasPending, (await flush).IsCompleted), Is.EqualTo((true, false)));
    }

    [Test]
    public async Task FlushAsync_ToAPeerThatIsGone_IsCompleted(CancellationToken cancellationToken)
    {
        _socket.Close(0);
        await Eventually.HoldsAsync(() => ((ISocketLook)_connection.Input).IsReady, s_limit, "the reset has come", cancellationToken);
        _transport.Output.Write("421 bye\r\n"u8);

        Assert.That((await _transport.Output.FlushAsync(cancellationToken)).IsCompleted);
    }

    [Test]
    public async Task DisposeAsync_OfAnIdleTransport_SaysGoodbyeAndGivesTheConnectionBack(CancellationToken cancellationToken)
    {
        var reading = _transport.Input.ReadAsync(cancellationToken).AsTask();
        await _transport.DisposeAsync();
        var end = await _client.ReadAsync(new byte[1], cancellationToken);
        await _socket.SendAsync("still here"u8.ToArray());
        var raw = await _connection.Input.ReadAsync(cancellationToken);

        Assert.That((end, (await reading).IsCanceled, Text(raw), _time.ActiveTimers), Is.EqualTo((0, true, "still here", 0)));
    }

    [Test]
    public async Task DisposeAsync_WithAPeerThatDoesNotRead_EndsWithItsDeadline(CancellationToken cancellationToken)
    {
        var flush = _transport.Output.WriteAsync(new byte[16_000_000], cancellationToken).AsTask();
        var disposing = _transport.DisposeAsync().AsTask();
        var wasPending = !disposing.IsCompleted;
        _time.Advance(TimeSpan.FromSeconds(1));
        await disposing;

        Assert.That((wasPending, (await flush).IsCanceled), Is.EqualTo((true, true)));
    }

    [Test]
    public async Task DisposeAsync_WithAPeerThatIsGone_DoesNotThrow()
    {
        _socket.LingerState = new(true, 0);
        _socket.Dispose();
        await _transport.DisposeAsync();
        await _transport.DisposeAsync();

        Assert.That(_time.ActiveTimers, Is.Zero);
    }

    [Test]
    public async Task DisposeAsync_AfterBrokenTls_DoesNotThrow(CancellationToken cancellationToken)
    {
        await _socket.SendAsync("QUIT\r\nQUIT\r\n"u8.ToArray());
        Assert.That(async () => await _transport.Input.ReadAsync(cancellationToken), Throws.InstanceOf<IOException>());
        await _transport.DisposeAsync();

        Assert.That(_time.ActiveTimers, Is.Zero);
    }

    [Test]
    public async Task ReadAsync_AfterDispose_Fails(CancellationToken cancellationToken)
    {
        await _transport.DisposeAsync();

        Assert.That(async () => await _transport.Input.ReadAsync(cancellationToken), Throws.InstanceOf<IOException>());
    }

    [Test]
    public async Task Handshake_WithTheClientHelloAlreadyBuffered_UsesIt(CancellationToken cancellationToken)
    {
        var (connection, socket) = await PairAsync();
        await using var closeConnection = connection;
        await using var stream = new NetworkStream(socket, ownsSocket: true);
        await using var client = new SslStream(stream);
        await stream.WriteAsync("PROXY UNKNOWN\r\n"u8.ToArray(), cancellationToken);
        var authenticating = AuthenticateAsync(client);
        var header = await connection.Input.ReadAsync(cancellationToken);
        while (header.Buffer.Length < 200)
        {
            // The ClientHello has not come.
            connection.Input.AdvanceTo(header.Buffer.Start, header.Buffer.End);
            header = await connection.Input.ReadAsync(cancellationToken);
        }

        connection.Input.AdvanceTo(header.Buffer.GetPosition(15));
        var (transport, _) = await AcceptAsync(connection, _time);
        await authenticating;
        await transport.Output.WriteAsync("hi"u8.ToArray(), cancellationToken);
        var text = new byte[2];
        await client.ReadExactlyAsync(text, cancellationToken);
        await transport.DisposeAsync();

        Assert.That((header.Buffer.Length > 15, Encoding.ASCII.GetString(text)), Is.EqualTo((true, "hi")));
    }

    private static async Task<(TlsTransport Transport, SslStream Stream)> HandshakeAsync(TransportConnection connection, SslStream client, TimeProvider time)
    {
        var authenticating = AuthenticateAsync(client);
        var accepted = await AcceptAsync(connection, time);
        await authenticating;
        return accepted;
    }

    private static Task AuthenticateAsync(SslStream client) =>
#pragma warning disable CA5359 // The certificate is the test's own.
        client.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions { TargetHost = "mx.test", RemoteCertificateValidationCallback = static (_, _, _, _) => true });
#pragma warning restore CA5359

    private static async Task<(TlsTransport Transport, SslStream Stream)> AcceptAsync(TransportConnection connection, TimeProvider time)
    {
        var flight = new ServerFlight();
        var stream = new DuplexPipeStream(connection) { Flight = flight, IsServer = true };
        var tls = new SslStream(stream, leaveInnerStreamOpen: true);
        using var certificate = X509Certificate2.CreateFromPem(s_certificate.CertificatePem, s_certificate.KeyPem);
        await tls.AuthenticateAsServerAsync(
            new SslServerAuthenticationOptions { ServerCertificateContext = SslStreamCertificateContext.Create(certificate, null, offline: true) });
        return (new(tls, stream, TlsFactsReader.Read(tls, flight), time), tls);
    }

    private static string Text(System.IO.Pipelines.ReadResult result) => Encoding.ASCII.GetString(System.Buffers.BuffersExtensions.ToArray(result.Buffer));

    private async Task<(TransportConnection Connection, Socket Peer)> PairAsync()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        using var acceptor = _tested.Value.Accept(listener);
        var peer = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await peer.ConnectAsync(listener.LocalEndPoint!);
        return ((TransportConnection)(await acceptor.AcceptAsync(CancellationToken.None))!, peer);
    }
}
