using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using SmtpShield.Testing;
using SmtpShield.Tls;
using SmtpShield.Transport;
using SmtpShield.Transport.Epoll;

namespace SmtpShield.FunctionalTests.Transport;

/// <summary>What only the transport over epoll(7) has: its loops.</summary>
[Platform("Linux")]
[SupportedOSPlatform("linux")]
[CancelAfter(30_000)]
public class EpollTransportTests
{
    private readonly CheckedBuffers _buffers = new();
    private EpollTransport _transport = null!;
    private Socket _listener = null!;
    private IAcceptor _acceptor = null!;
    private IPEndPoint _endpoint = null!;

    [SetUp]
    public void Make()
    {
        _transport = EpollTransport.TryCreate(_buffers, out _)!;
        _listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen();
        _endpoint = (IPEndPoint)_listener.LocalEndPoint!;
        _acceptor = _transport.Accept(_listener);
    }

    [TearDown]
    public void End()
    {
        _listener.Dispose();
        _acceptor.Dispose();
        _transport.Dispose();
        Assert.That(_buffers.Problems, Is.Empty);
    }

    [Test]
    public void TryCreate_OnThisSystem_HasNoObstacle()
    {
        using var transport = EpollTransport.TryCreate(_buffers, out var obstacle);

        Assert.That((transport is null, obstacle), Is.EqualTo((false, "")));
    }

    [Test]
    public async Task ConnectAsync_BesideAConnection_IsOnItsLoop()
    {
        for (var count = 0; count < 8; count++)
        {
            await using var beside = await ConnectAsync(null);
            await using var connection = await ConnectAsync(beside);

            Assert.That(connection.Loop, Is.SameAs(beside.Loop));
        }
    }

    [Test]
    public async Task ConnectAsync_BesideNone_IsOnEachLoopInTurn()
    {
        List<EpollConnection> connections = [];
        for (var count = 0; count < Environment.ProcessorCount * 4; count++)
            connections.Add(await ConnectAsync(null));
        var most = connections.GroupBy(static connection => connection.Loop).Max(static group => group.Count());
        foreach (var connection in connections)
            await connection.DisposeAsync();

        Assert.That(most, Is.LessThanOrEqualTo(6));
    }

    [Test]
    public async Task Continuations_OfReads_RunOnOneThread()
    {
        await using var connection = await ConnectAsync(null);
        await using var peer = (await _acceptor.AcceptAsync(CancellationToken.None))!;
        HashSet<string?> threads = [];
        for (var count = 0; count < 20; count++)
        {
            var reading = ReadOnWhatThreadAsync(connection.Input);
            await peer.Transport.Output.WriteAsync("x"u8.ToArray());
            threads.Add(await reading);
        }

        Assert.That(threads, Has.One.Items.And.All.StartsWith("epoll "));
    }

    [Test]
    public async Task ReadAsync_InAHandshake_GoesOnOnThePool()
    {
        await using var connection = await ConnectAsync(null);
        await using var peer = (await _acceptor.AcceptAsync(CancellationToken.None))!;
        await using var stream = new DuplexPipeStream(connection) { Flight = new() };
        var buffer = new byte[1];
        async Task<bool> IsOnThePoolAsync()
        {
            _ = await stream.ReadAsync(buffer).ConfigureAwait(false);
            return Thread.CurrentThread.IsThreadPoolThread;
        }

        var handshake = IsOnThePoolAsync();
        await peer.Transport.Output.WriteAsync("x"u8.ToArray());
        var isHandshakeOnThePool = await handshake;
        stream.Flight = null;
        var behind = IsOnThePoolAsync();
        await peer.Transport.Output.WriteAsync("x"u8.ToArray());

        Assert.That((isHandshakeOnThePool, await behind), Is.EqualTo((true, false)));
    }

    [Test]
    public async Task Start_JustConnected_RunsOnALoopOrThePool()
    {
        HashSet<string?> threads = [];
        for (var count = 0; count < 20; count++)
        {
            await using var connection = await ConnectAsync(null);
            await using var accepted = (TransportConnection)(await _acceptor.AcceptAsync(CancellationToken.None))!;
            var start = new Started();
            accepted.Start(start);
            threads.Add(await start.Thread);
        }

        // The pool where the loop has told of it before.
        Assert.That(threads, Has.All.StartsWith("epoll ").Or.StartsWith(".NET TP Worker"));
    }

    [Test]
    public async Task Start_OfAConnectionThatIsClosed_Runs()
    {
        await using var connection = await ConnectAsync(null);
        var accepted = (TransportConnection)(await _acceptor.AcceptAsync(CancellationToken.None))!;
        accepted.Abort();
        var start = new Started();
        accepted.Start(start);

        Assert.That(await start.Thread, Is.Not.Null);
        await accepted.DisposeAsync();
    }

    [Test]
    public async Task Abort_BeforeItHasBegun_LetsItBegin()
    {
        for (var count = 0; count < 50; count++)
        {
            await using var connection = await ConnectAsync(null);
            await using var accepted = (TransportConnection)(await _acceptor.AcceptAsync(CancellationToken.None))!;
            var start = new Started();
            accepted.Start(start);
            accepted.Abort();

            await start.Thread;
        }
    }

    [Test]
    public async Task Dispose_OfTheTransport_EndsWhatIsUnderWay()
    {
        var connection = await ConnectAsync(null);
        var read = connection.Input.ReadAsync().AsTask();
        var accept = _acceptor.AcceptAsync(CancellationToken.None).AsTask();
        await using var accepted = await accept;
        accept = _acceptor.AcceptAsync(CancellationToken.None).AsTask();
        _transport.Dispose();

        try
        {
            Assert.That((await read).IsCompleted);
        }
        catch (IOException)
        {
            // Whether the end comes as one or as an error depends on whose loop is the first to end.
        }

        Assert.That(async () => await accept, Throws.InstanceOf<ObjectDisposedException>());
        Assert.That(async () => await ConnectAsync(null), Throws.InstanceOf<SocketException>());
        await connection.DisposeAsync();
    }

    [Test]
    public async Task DisposeAsync_WhileEventsCome_NeverMeetsAnothersSocket()
    {
        // Descriptors' numbers are used again at once: an octet that one connection gets of another's would be seen here.
        var running = Enumerable.Range(0, 8).Select(number => Task.Run(() => TalkAsync((byte)number)));

        await Task.WhenAll(running);
    }

    [Test]
    public async Task FlushAsync_WhileTheLoopTellsOfRoom_SendsWhatWasWrittenAndNothingElse()
    {
        var running = Enumerable.Range(0, 4).Select(number => Task.Run(() => SendWhileToldAsync((byte)(number + 1))));

        await Task.WhenAll(running);
    }

    // A flush that has only begun is none that waits.
    private async Task SendWhileToldAsync(byte mark)
    {
        const int Messages = 20_000;
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        await using var connection = (EpollConnection)await _transport.ConnectAsync((IPEndPoint)listener.LocalEndPoint!, null, null, CancellationToken.None);
        using var peer = await listener.AcceptAsync();
        var isOver = false;
        var telling = Task.Run(() =>
        {
            while (!Volatile.Read(ref isOver))
                connection.OnEvents(LinuxConstants.EpollOut);
        });
        for (var message = 0; message < Messages; message++)
        {
            connection.Transport.Output.Write([mark]);
            await connection.Transport.Output.FlushAsync();
        }

        Volatile.Write(ref isOver, true);
        await telling;
        connection.EndSending();
        var received = new List<byte>();
        var buffer = new byte[4096];
        while (await peer.ReceiveAsync(buffer) is > 0 and var count)
            received.AddRange(buffer.AsSpan(0, count));
        Assert.That((received.Count, received.TrueForAll(octet => octet == mark)), Is.EqualTo((Messages, true)));
    }

    private async Task TalkAsync(byte mark)
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        using var acceptor = _transport.Accept(listener);
        for (var round = 0; round < 200; round++)
        {
            await using var one = await _transport.ConnectAsync((IPEndPoint)listener.LocalEndPoint!, null, null, CancellationToken.None);
            await using var other = (await acceptor.AcceptAsync(CancellationToken.None))!;
            for (var count = 0; count < 3; count++)
            {
                one.Transport.Output.Write([mark]);
                await one.Transport.Output.FlushAsync();
            }

            var read = await other.Transport.Input.ReadAsync();
            Assert.That(read.Buffer.ToArray(), Is.All.EqualTo(mark));
            other.Transport.Input.AdvanceTo(read.Buffer.End);
        }
    }

    private async Task<EpollConnection> ConnectAsync(IConnectedSocket? beside) => (EpollConnection)await _transport.ConnectAsync(
        _endpoint, null, beside, CancellationToken.None);

    private static async Task<string?> ReadOnWhatThreadAsync(PipeReader input)
    {
        var read = await input.ReadAsync().ConfigureAwait(false);
        input.AdvanceTo(read.Buffer.End);
        return Thread.CurrentThread.Name;
    }

    private sealed class Started : IThreadPoolWorkItem
    {
        private readonly TaskCompletionSource<string?> _thread = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>The name of the thread it ran on; a second run is an error.</summary>
        public Task<string?> Thread => _thread.Task;

        public void Execute() => _thread.SetResult(System.Threading.Thread.CurrentThread.Name);
    }
}
