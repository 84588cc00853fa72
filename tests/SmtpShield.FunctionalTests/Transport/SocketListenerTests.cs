using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using SmtpShield.Testing.Outside;
using SmtpShield.Transport;

namespace SmtpShield.FunctionalTests.Transport;

[TestFixtureSource(typeof(TestedTransport), nameof(TestedTransport.Names))]
[CancelAfter(30_000)]
public class SocketListenerTests(string transport)
{
    private readonly TestedTransport _transport = new(transport);
    private SocketListener _listener = null!;

    [OneTimeTearDown]
    public void EndTransport() => _transport.Dispose();

    [SetUp]
    public void Listen()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen(128);
        _listener = new SocketListener(socket, _transport.Value.Accept(socket), TimeProvider.System, NullLogger<SocketListener>.Instance);
    }

    [TearDown]
    public async Task Close() => await _listener.DisposeAsync();

    [Test]
    public async Task AcceptAsync_Client_IsAConnectionWithItsAddresses()
    {
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(_listener.EndPoint);
        await using var connection = (await _listener.AcceptAsync())!;

        Assert.That((connection.LocalEndPoint, connection.RemoteEndPoint), Is.EqualTo((_listener.EndPoint, client.LocalEndPoint)));
    }

    [Test]
    public async Task AcceptAsync_ClientsThatResetAtOnce_AcceptsTheNextOne()
    {
        for (var count = 0; count < 5; count++)
        {
            using var gone = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            await gone.ConnectAsync(_listener.EndPoint);
            gone.Close(0);
        }

        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(_listener.EndPoint);
        EndPoint? accepted;
        do
        {
            await using var connection = (await _listener.AcceptAsync())!;
            accepted = connection.RemoteEndPoint;
        }
        while (!Equals(accepted, client.LocalEndPoint));
    }

    [Test]
    public async Task UnbindAsync_AcceptUnderWay_EndsIt()
    {
        var accept = _listener.AcceptAsync().AsTask();
        await _listener.UnbindAsync();

        Assert.That((await accept, await _listener.AcceptAsync()), Is.EqualTo(((object?)null, (object?)null)));
    }

    [Test]
    public async Task AcceptAsync_ManyAtOnce_AcceptsEachOnce()
    {
        var clients = Enumerable.Range(0, 60).Select(static _ => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)).ToList();
        try
        {
            var connecting = Task.WhenAll(clients.Select(client => client.ConnectAsync(_listener.EndPoint)));
            List<EndPoint?> accepted = [];
            while (accepted.Count < clients.Count)
            {
                await using var connection = (await _listener.AcceptAsync())!;
                accepted.Add(connection.RemoteEndPoint);
            }

            await connecting;
            Assert.That(accepted, Is.EquivalentTo(clients.Select(static client => client.LocalEndPoint)));
        }
        finally
        {
            clients.ForEach(static client => client.Dispose());
        }
    }

    [Test]
    public async Task AcceptAsync_CancelledByToken_TheNextOneAccepts()
    {
        using var stop = new CancellationTokenSource();
        var cancelled = _listener.AcceptAsync(stop.Token).AsTask();
        await stop.CancelAsync();
        Assert.That(async () => await cancelled, Throws.InstanceOf<OperationCanceledException>());
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(_listener.EndPoint);
        await using var connection = (await _listener.AcceptAsync())!;

        Assert.That(connection.RemoteEndPoint, Is.EqualTo(client.LocalEndPoint));
    }

    [Test]
    public async Task IsAnyoneWaiting_WhileSomebodyIsInTheQueue_IsTrue(CancellationToken cancellationToken)
    {
        var before = _listener.IsAnyoneWaiting;
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(_listener.EndPoint);

        // A client is connected a moment before the kernel has put it into the server's queue.
        Assert.That((before, await Eventually.TryAsync(() => _listener.IsAnyoneWaiting, TimeSpan.FromSeconds(10), cancellationToken)),
            Is.EqualTo((false, true)));
    }
}
