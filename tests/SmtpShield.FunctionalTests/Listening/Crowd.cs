using System.Net;
using System.Net.Sockets;

namespace SmtpShield.FunctionalTests.Listening;

/// <summary>Clients that connect, say something or nothing, and stay until they all leave at once.</summary>
internal sealed class Crowd : IAsyncDisposable
{
    private readonly CancellationTokenSource _leave = new();
    private readonly Task _clients;
    private int _greeted;

    /// <summary>They connect from 250 addresses, and say what they have to say behind the greeting.</summary>
    public Crowd(IPEndPoint server, int size, byte[]? says = null) =>
        _clients = Task.WhenAll(Enumerable.Range(0, size).Select(number => Task.Run(() => StayAsync(server, number, says))));

    /// <summary>How many of them were greeted.</summary>
    public int Greeted => Volatile.Read(ref _greeted);

    public async ValueTask DisposeAsync()
    {
        await _leave.CancelAsync();
        await _clients;
        _leave.Dispose();
    }

    private async Task StayAsync(IPEndPoint server, int number, byte[]? says)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(new IPAddress([127, 90, 0, (byte)(1 + number % 250)]), 0));
            await socket.ConnectAsync(server, _leave.Token);
            // What is said before the greeting would be refused for that.
            var reply = new byte[512];
            if (await socket.ReceiveAsync(reply, _leave.Token) > 0 && reply.AsSpan().StartsWith("220"u8))
                Interlocked.Increment(ref _greeted);
            for (var sent = 0; sent < (says?.Length ?? 0);)
                sent += await socket.SendAsync(says.AsMemory(sent), _leave.Token);
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, _leave.Token);
        }
        catch (Exception left) when (left is OperationCanceledException or SocketException)
        {
            // It leaves.
        }
    }
}
