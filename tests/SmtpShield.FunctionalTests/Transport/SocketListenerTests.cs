using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using SmtpShield.Transport;

namespace SmtpShield.FunctionalTests.Transport;

[CancelAfter(30_000)]
public class SocketListenerTests
{
    private SocketListener _listener = null!;

    [SetUp]
    public void Listen()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen(8);
        _listener = new SocketListener(socket, TimeProvider.System, NullLogger<SocketListener>.Instance);
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
}
