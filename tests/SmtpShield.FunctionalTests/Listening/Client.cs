using System.Net;
using System.Net.Sockets;
using System.Text;

namespace SmtpShield.FunctionalTests.Listening;

/// <summary>A client that connects, is greeted with one line and leaves.</summary>
internal sealed class Client : IDisposable
{
    private Client(IPEndPoint server)
    {
        Socket = new Socket(server.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        Socket.Bind(new IPEndPoint(server.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Loopback : IPAddress.IPv6Loopback, 0));
        Local = Socket.LocalEndPoint!;
    }

    public Socket Socket { get; }

    public EndPoint Local { get; }

    public Task Connected { get; private set; } = Task.CompletedTask;

    /// <summary>Sends the SYN; the rest is in <see cref="Connected"/>.</summary>
    public static Client Begin(IPEndPoint server, CancellationToken cancellationToken)
    {
        var client = new Client(server);
        client.Connected = client.Socket.ConnectAsync(server, cancellationToken).AsTask();
        return client;
    }

    public static async Task<Client> ConnectAsync(IPEndPoint server, CancellationToken cancellationToken)
    {
        var client = Begin(server, cancellationToken);
        await client.Connected;
        return client;
    }

    /// <summary>What the server says next, or nothing when it has closed.</summary>
    public async Task<string> ReadAsync(CancellationToken cancellationToken)
    {
        var buffer = new byte[1000];
        return Encoding.ASCII.GetString(buffer, 0, await Socket.ReceiveAsync(buffer.AsMemory(), cancellationToken));
    }

    public void Dispose() => Socket.Dispose();
}
