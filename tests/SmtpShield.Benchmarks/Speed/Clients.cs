using System.Net;
using System.Net.Sockets;

namespace SmtpShield.Benchmarks.Speed;

/// <summary>Many clients, each from an address of its own in 127.0.0.0/8.</summary>
internal static class Clients
{
    private const int AtATime = 64;
    private const int FirstAddress = 0x7F_40_00_01;

    /// <summary>Connects clients that stay, each behind its EHLO.</summary>
    public static async Task<HeldClients> HoldAsync(IPEndPoint server, int count, CancellationToken cancellationToken)
    {
        var held = new HeldClients(count);
        await Parallel.ForAsync(0, count, Options(cancellationToken), async (number, token) =>
        {
            var socket = await ConnectAsync(server, number, token);
            held.Add(socket);
            await ReadAsync(socket, token);
            await socket.SendAsync("EHLO client.example\r\n"u8.ToArray(), token);
            await ReadAsync(socket, token);
        });
        return held;
    }

    /// <summary>Has clients come, and leave when they have been greeted, so that the server knows them.</summary>
    public static Task VisitAsync(IPEndPoint server, int count, CancellationToken cancellationToken) =>
        Parallel.ForAsync(0, count, Options(cancellationToken), async (number, token) =>
        {
            using var socket = await ConnectAsync(server, number, token);
            await ReadAsync(socket, token);
            // A reset: connections that are over would fill the kernel's table.
            socket.LingerState = new(enable: true, seconds: 0);
        });

    private static ParallelOptions Options(CancellationToken cancellationToken) =>
        new() { MaxDegreeOfParallelism = AtATime, CancellationToken = cancellationToken };

    private static async Task<Socket> ConnectAsync(IPEndPoint server, int number, CancellationToken cancellationToken)
    {
        var socket = new Socket(server.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint((uint)IPAddress.HostToNetworkOrder(FirstAddress + number), 0));
            await socket.ConnectAsync(server, cancellationToken);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static async ValueTask ReadAsync(Socket socket, CancellationToken cancellationToken)
    {
        var buffer = new byte[512];
        if (await socket.ReceiveAsync(buffer, cancellationToken) == 0)
            throw new InvalidOperationException("The server has closed a connection.");
    }
}
