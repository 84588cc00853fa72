using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SmtpShield.Mta;
using SmtpShield.Options;
using SmtpShield.Testing;

namespace SmtpShield.FunctionalTests.Mta;

/// <summary>
/// The pool in the host the program has: a slim builder and Kestrel endpoints that are not HTTP. MTAs are sockets on loopback; the clock stands still.
/// </summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase), CancelAfter(20_000)]
internal sealed class UpstreamSocketTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly List<IDisposable> _sockets = [];
    private WebApplication? _application;

    private int SessionsAt(string destination) => _application!.Services.GetRequiredService<UpstreamMaintenance>().SessionsAt(destination);

    private UpstreamPool Pool => _application!.Services.GetRequiredService<UpstreamPool>();

    [TearDown]
    public async Task TearDown()
    {
        if (_application is not null)
            await _application.DisposeAsync();
        _sockets.ForEach(static socket => socket.Dispose());
    }

    [Test]
    public async Task Host_EndpointThatIsNotHttp_RelaysTheMtasGreeting(CancellationToken cancellationToken)
    {
        var mta = Listen();
        await StartAsync(NameOf(mta));
        using var client = new TcpClient();
        await client.ConnectAsync(IPEndPoint.Parse(_application!.Services.GetRequiredService<IServer>()
            .Features.Get<IServerAddressesFeature>()!.Addresses.Single()["http://".Length..]), cancellationToken);

        using var session = await mta.AcceptSocketAsync(cancellationToken);
        await session.SendAsync("220 mx ESMTP\r\n"u8.ToArray(), cancellationToken);

        using var reader = new StreamReader(client.GetStream());
        Assert.That(await reader.ReadToEndAsync(cancellationToken), Is.EqualTo("220 mx ESMTP\r\n"));
        await EndAsync(mta, session, cancellationToken);
    }

    [Test]
    public async Task AddUpstream_HostedServices_NoneOfItsOwn()
    {
        await StartAsync("127.0.0.1:1");

        var services = _application!.Services.GetServices<IHostedService>().Select(service => service.GetType().FullName);

        // YARP brings data protection for its session affinity, which would write key files at start.
        Assert.That(services, Has.None.Contains("DataProtection"));
    }

    [Test]
    public async Task DialAsync_Refused_SaysSo(CancellationToken cancellationToken)
    {
        var free = FreeAddress();
        await StartAsync(free);

        var result = await DialAsync(cancellationToken);

        Assert.That(result.Failures, Is.EqualTo([new UpstreamFailure(free, "Connection refused")]));
        Assert.That((result.Connection, SessionsAt(free)), Is.EqualTo(((UpstreamConnection?)null, 0)));
    }

    [Test]
    public async Task DialAsync_ListenQueueFull_ConnectionTimedOut(CancellationToken cancellationToken)
    {
        var full = Listen(backlog: 0);
        await StartAsync(NameOf(full));
        // The kernel answers on loopback within connect(): with these the queue is full, further SYNs are dropped.
        for (var i = 0; i < 4; i++)
        {
            var filler = new Socket(SocketType.Stream, ProtocolType.Tcp);
            _sockets.Add(filler);
            _ = filler.ConnectAsync(full.LocalEndpoint, CancellationToken.None).AsTask().ContinueWith(static task => task.Exception, TaskScheduler.Default);
        }

        var dial = DialAsync(cancellationToken);
        Assert.That(dial.IsCompleted, Is.False);
        _time.Advance(TimeSpan.FromSeconds(5));

        Assert.That((await dial).Failures, Is.EqualTo([new UpstreamFailure(NameOf(full), "Connection timed out")]));
        Assert.That((SessionsAt(NameOf(full)), _time.ActiveTimers), Is.EqualTo((0, 0)));
    }

    [Test]
    public async Task DialAsync_SilentMta_NoGreetingAndSocketClosed(CancellationToken cancellationToken)
    {
        var mta = Listen();
        await StartAsync(NameOf(mta));

        var dial = DialAsync(cancellationToken);
        using var session = await mta.AcceptSocketAsync(cancellationToken);
        // Connecting has a timer of its own; with the total one left the dial waits for the greeting.
        await UntilAsync(() => _time.ActiveTimers == 1, cancellationToken);
        _time.Advance(TimeSpan.FromSeconds(30));

        var result = await dial;
        Assert.That(result.Failures, Is.EqualTo([new UpstreamFailure(NameOf(mta), "no greeting within 30s")]));
        Assert.That((result.GreetingTimedOut, await ReadToEndAsync(session, cancellationToken)), Is.EqualTo((true, "")));
        await EndAsync(mta, session, cancellationToken);
    }

    // Postfix 3.7: an smtpd that takes such a connection from its queue later ends with "fatal: smtpd_peer_hostaddr_to_sockaddr" when it
    // finds a reset behind a header.
    [TestCase("", "no greeting within 30s")]
    [TestCase("220-not yet\r\n", "no greeting within 30s")]
    [TestCase("what?\r\nand more\r\n", "malformed greeting")]
    [TestCase("421 4.3.2 not now\r\nand more\r\n", "")]
    public async Task DialAsync_GivenUpBehindAHeader_TheMtaReadsItAndTheEndButNoReset(string said, string reason, CancellationToken cancellationToken)
    {
        var mta = Listen();
        await StartAsync(Options(ClientHandoff.ProxyV1, NameOf(mta)));

        var dial = DialAsync(cancellationToken);
        using var session = await mta.AcceptSocketAsync(cancellationToken);
        await session.SendAsync(Encoding.ASCII.GetBytes(said), cancellationToken);
        if (reason.StartsWith("no ", StringComparison.Ordinal))
        {
            await UntilAsync(() => _time.ActiveTimers == 1 && session.Available > 0, cancellationToken);
            _time.Advance(TimeSpan.FromSeconds(30));
        }

        var result = await dial;
        Assert.That(result.Failures.Select(static failure => failure.Reason), Is.EqualTo(reason.Length > 0 ? [reason] : Array.Empty<string>()));
        if (result.Connection is { } connection)
            await connection.DisposeAsync();
        Assert.That(await ReadToEndAsync(session, cancellationToken), Does.StartWith("PROXY TCP4 ").And.EndsWith("\r\n"));
        Assert.That(IsReset(session), Is.False);
    }

    [Test]
    public async Task DialAsync_CancelledBehindAHeader_TheMtaReadsItAndTheEndButNoReset(CancellationToken cancellationToken)
    {
        var mta = Listen();
        await StartAsync(Options(ClientHandoff.ProxyV2, NameOf(mta)));
        using var client = new CancellationTokenSource();

        var dial = DialAsync(client.Token).AsTask();
        using var session = await mta.AcceptSocketAsync(cancellationToken);
        await UntilAsync(() => session.Available > 0, cancellationToken);
        await client.CancelAsync();

        Assert.That(async () => await dial, Throws.InstanceOf<OperationCanceledException>());
        Assert.That(await ReadToEndAsync(session, cancellationToken), Does.StartWith("\r\n\r\n\0\r\nQUIT\n"));
        Assert.That(IsReset(session), Is.False);
    }

    [Test]
    public async Task DialAsync_GreetingByteByByte_IsOneGreeting(CancellationToken cancellationToken)
    {
        var mta = Listen();
        await StartAsync(NameOf(mta));

        var dial = DialAsync(cancellationToken);
        using var session = await mta.AcceptSocketAsync(cancellationToken);
        session.NoDelay = true;
        foreach (var octet in "220-mx\r\n220 ESMTP\r\n"u8.ToArray())
            await session.SendAsync(new[] { octet }, cancellationToken);

        await using var connection = (await dial).Connection;
        Assert.That(Encoding.ASCII.GetString(connection!.Greeting.Span), Is.EqualTo("220-mx\r\n220 ESMTP\r\n"));
    }

    [TestCase(false)]
    [TestCase(true), Repeat(20)] // The reset meets the dial at another point each time.
    public async Task DialAsync_MtaClosesAtOnce_LostConnection(bool reset, CancellationToken cancellationToken)
    {
        var mta = Listen();
        await StartAsync(NameOf(mta));

        var dial = DialAsync(cancellationToken);
        var session = await mta.AcceptSocketAsync(cancellationToken);
        session.LingerState = new LingerOption(reset, 0);
        session.Close();

        Assert.That((await dial).Failures, Is.EqualTo([new UpstreamFailure(NameOf(mta), "lost connection")]));
    }

    [Test]
    public async Task DialAsync_GarbageWithoutEnd_MalformedAndSocketClosed(CancellationToken cancellationToken)
    {
        var mta = Listen();
        await StartAsync(NameOf(mta));

        var dial = DialAsync(cancellationToken);
        using var session = await mta.AcceptSocketAsync(cancellationToken);
        var endless = SendUntilClosedAsync(session, cancellationToken);

        Assert.That((await dial).Failures, Is.EqualTo([new UpstreamFailure(NameOf(mta), "malformed greeting")]));
        await endless;
    }

    [Test]
    public async Task DialAsync_FirstRefuses_SecondServes(CancellationToken cancellationToken)
    {
        var refusing = FreeAddress();
        var mta = Listen();
        _ = GreetAllAsync(mta, cancellationToken);
        await StartAsync(refusing, NameOf(mta));

        // Round robin meets the refusing one first or second.
        var failures = new List<UpstreamFailure>();
        for (var i = 0; i < 2; i++)
        {
            var result = await DialAsync(cancellationToken);
            Assert.That(result.Connection!.Destination, Is.EqualTo(NameOf(mta)));
            failures.AddRange(result.Failures);
            await result.Connection.DisposeAsync();
        }

        Assert.That(failures, Is.EqualTo([new UpstreamFailure(refusing, "Connection refused")]));
    }

    [Test]
    public async Task DialAsync_HostName_IsResolvedAndEveryAddressTried(CancellationToken cancellationToken)
    {
        var mta = Listen();
        _ = GreetAllAsync(mta, cancellationToken);
        var name = NameOf(mta).Replace("127.0.0.1", "localhost", StringComparison.Ordinal);
        await StartAsync(name);

        await using var connection = (await DialAsync(cancellationToken)).Connection;

        Assert.That((connection!.Destination, SessionsAt(name)), Is.EqualTo((name, 1)));
    }

    [Test]
    public async Task DialAsync_Cancelled_SocketClosedAndNothingCounted(CancellationToken cancellationToken)
    {
        var mta = Listen();
        await StartAsync(NameOf(mta));
        using var client = new CancellationTokenSource();

        var dial = DialAsync(client.Token).AsTask();
        using var session = await mta.AcceptSocketAsync(cancellationToken);
        await client.CancelAsync();

        Assert.That(async () => await dial, Throws.InstanceOf<OperationCanceledException>());
        Assert.That(await ReadToEndAsync(session, cancellationToken), Is.Empty);
        await EndAsync(mta, session, cancellationToken);
        Assert.That(_time.ActiveTimers, Is.Zero);
    }

    [Test]
    public async Task Replace_OtherMta_RunningSessionGoesOn(CancellationToken cancellationToken)
    {
        var first = Listen();
        var second = Listen();
        await StartAsync(NameOf(first));
        var (running, session) = await DialAndAcceptAsync(first, cancellationToken);

        _application!.Services.GetRequiredService<ShieldSnapshot>().Replace(Options(NameOf(second)));
        await UntilAsync(() => Pool.DestinationsOf("smtp").SequenceEqual([NameOf(second)]), cancellationToken);
        var (after, _) = await DialAndAcceptAsync(second, cancellationToken);

        await running.Transport.Output.WriteAsync("QUIT\r\n"u8.ToArray(), cancellationToken);
        var quit = new byte[6];
        await session.ReceiveAsync(quit, cancellationToken);
        Assert.That((Encoding.ASCII.GetString(quit), after.Destination), Is.EqualTo(("QUIT\r\n", NameOf(second))));
        await running.DisposeAsync();
        await after.DisposeAsync();
        Assert.That((running.Slot.Slots.Used, SessionsAt(NameOf(second))), Is.EqualTo((1, 1)));
        await EndAsync(first, session, cancellationToken);
        await UntilAsync(() => running.Slot.Slots.Used == 0, cancellationToken);
    }

    [Test]
    public async Task Transport_FlushCompleted_KernelHasTheBytes(CancellationToken cancellationToken)
    {
        if (!OperatingSystem.IsLinux())
            Assert.Ignore("Reads the kernel's queues from /proc/net/tcp.");
        var mta = Listen();
        mta.Server.ReceiveBufferSize = 4096;
        await StartAsync(NameOf(mta));
        var (connection, session) = await DialAndAcceptAsync(mta, cancellationToken);

        // The MTA does not read: at some point the kernel takes no more, and the flush has to wait. Up to there each flush is in the
        // kernel when it completes. Looked at now and then, because the kernel's table is long behind tests with thousands of connections.
        var chunk = new byte[8192];
        for (var flushed = (long)chunk.Length; ; flushed += chunk.Length)
        {
            connection.Transport.Output.Write(chunk);
            var flush = connection.Transport.Output.FlushAsync(cancellationToken);
            if (!flush.IsCompleted)
                break;
            if (flushed / chunk.Length % 32 == 1)
                Assert.That(QueuedInKernel(session), Is.GreaterThanOrEqualTo(flushed));
        }

        await connection.DisposeAsync();
    }

    [Test]
    public async Task Dispose_AfterFlush_MtaReadsAllThenEnd(CancellationToken cancellationToken)
    {
        var mta = Listen();
        await StartAsync(NameOf(mta));
        var (connection, session) = await DialAndAcceptAsync(mta, cancellationToken);

        await connection.Transport.Output.WriteAsync("QUIT\r\n"u8.ToArray(), cancellationToken);
        await connection.DisposeAsync();

        Assert.That(await ReadToEndAsync(session, cancellationToken), Is.EqualTo("QUIT\r\n"));
    }

    [Test]
    public async Task Dispose_UnflushedBytes_AreNeverSent(CancellationToken cancellationToken)
    {
        var mta = Listen();
        await StartAsync(NameOf(mta));
        var (connection, session) = await DialAndAcceptAsync(mta, cancellationToken);

        await connection.Transport.Output.WriteAsync("DATA\r\n"u8.ToArray(), cancellationToken);
        var start = new byte[6];
        await session.ReceiveAsync(start, cancellationToken);
        connection.Transport.Output.Write("\r\n.\r\n"u8);
        await connection.DisposeAsync();

        Assert.That(await ReadToEndAsync(session, cancellationToken), Is.Empty);
        await EndAsync(mta, session, cancellationToken);
    }

    private static string NameOf(TcpListener listener) => listener.LocalEndpoint.ToString()!;

    private static ShieldOptions Options(params string[] destinations) => Options(ClientHandoff.None, destinations);

    private static ShieldOptions Options(ClientHandoff handoff, params string[] destinations) => new()
    {
        Upstream = new UpstreamOptions
        {
            ClientHandoff = handoff,
            Destinations = [.. destinations.Select(static name => name.Split(':'))
                .Select(static parts => new UpstreamAddress(parts[0], int.Parse(parts[1], CultureInfo.InvariantCulture)))],
        },
    };

    private static async Task UntilAsync(Func<bool> condition, CancellationToken cancellationToken)
    {
        while (!condition())
        {
            cancellationToken.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    private static async Task GreetAllAsync(TcpListener mta, CancellationToken cancellationToken)
    {
        while (true)
        {
            var session = await mta.AcceptSocketAsync(cancellationToken);
            await session.SendAsync("220 mx\r\n"u8.ToArray(), cancellationToken);
        }
    }

    private static async Task SendUntilClosedAsync(Socket session, CancellationToken cancellationToken)
    {
        var garbage = new byte[1000];
        try
        {
            while (true)
                await session.SendAsync(garbage, cancellationToken);
        }
        catch (SocketException)
        {
            // Closed, as it should be.
        }
    }

    /// <summary>
    /// Whether a reset has come. Behind FIN it does not end a read with an error, but getpeername(2) fails, without which Postfix does not know its client.
    /// </summary>
    private static bool IsReset(Socket session) => (int)session.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.Error)! != 0;

    /// <summary>What the MTA reads until the shield's end of the connection is gone. A reset is an error.</summary>
    private static async Task<string> ReadToEndAsync(Socket session, CancellationToken cancellationToken)
    {
        var text = new StringBuilder();
        var buffer = new byte[4096];
        while (await session.ReceiveAsync(buffer, cancellationToken) is > 0 and var count)
            text.Append(Encoding.ASCII.GetString(buffer, 0, count));
        return text.ToString();
    }

    /// <summary>Bytes on their way from the shield to the MTA: the send queue of one end and the receive queue of the other.</summary>
    private static long QueuedInKernel(Socket session)
    {
        var mta = PortOf(session.LocalEndPoint);
        var shield = PortOf(session.RemoteEndPoint);
        var queued = 0L;
        foreach (var line in File.ReadLines("/proc/net/tcp").Skip(1))
        {
            // sl local_address rem_address st tx_queue:rx_queue …
            var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields[1].EndsWith(shield, StringComparison.Ordinal) && fields[2].EndsWith(mta, StringComparison.Ordinal))
                queued += Convert.ToInt64(fields[4].Split(':')[0], 16);
            if (fields[1].EndsWith(mta, StringComparison.Ordinal) && fields[2].EndsWith(shield, StringComparison.Ordinal))
                queued += Convert.ToInt64(fields[4].Split(':')[1], 16);
        }

        return queued;

        static string PortOf(EndPoint? endpoint) => $":{((IPEndPoint)endpoint!).Port:X4}";
    }

    // The session counts until the MTA has closed, too.
    private async Task EndAsync(TcpListener mta, Socket session, CancellationToken cancellationToken)
    {
        session.Dispose();
        await UntilAsync(() => SessionsAt(NameOf(mta)) == 0, cancellationToken);
    }

    private ValueTask<UpstreamDialResult> DialAsync(CancellationToken cancellationToken) =>
        Pool.DialAsync("smtp", _application!.Services.GetRequiredService<ShieldSnapshot>().Current,
            new(new(new(IPAddress.Loopback, 40000)), null), wake: static () => { }, cancellationToken, cancellationToken);

    private TcpListener Listen(int backlog = 100)
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        _sockets.Add(listener);
        listener.Start(backlog);
        return listener;
    }

    private string FreeAddress()
    {
        var listener = Listen();
        var name = NameOf(listener);
        listener.Stop();
        return name;
    }

    private Task StartAsync(params string[] destinations) => StartAsync(Options(destinations));

    private async Task StartAsync(ShieldOptions options)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(
            static kestrel => kestrel.Listen(IPAddress.Loopback, 0, static listen => listen.UseConnectionHandler<GreetingHandler>()));
        builder.Services.AddSingleton(new ShieldSnapshot(options)).AddSingleton<TimeProvider>(_time).AddUpstream();
        _application = builder.Build();
        _application.MapUpstream();
        await _application.StartAsync();
    }

    private async Task<(UpstreamConnection Connection, Socket Session)> DialAndAcceptAsync(TcpListener mta, CancellationToken cancellationToken)
    {
        var dial = DialAsync(cancellationToken);
        var session = await mta.AcceptSocketAsync(cancellationToken);
        _sockets.Add(session);
        await session.SendAsync("220 mx\r\n"u8.ToArray(), cancellationToken);
        return ((await dial).Connection!, session);
    }

    /// <summary>Dials and passes the greeting on.</summary>
    private sealed class GreetingHandler(UpstreamPool pool, ShieldSnapshot snapshot) : ConnectionHandler
    {
        public override async Task OnConnectedAsync(ConnectionContext connection)
        {
            await using var upstream = (await pool.DialAsync("smtp", snapshot.Current,
                new(new((IPEndPoint)connection.RemoteEndPoint!), (IPEndPoint?)connection.LocalEndPoint), wake: static () => { }, connection.ConnectionClosed,
                connection.ConnectionClosed)).Connection;
            await connection.Transport.Output.WriteAsync(upstream!.Greeting, connection.ConnectionClosed);
        }
    }
}
