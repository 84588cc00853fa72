using System.Collections.Concurrent;
using System.Net.Sockets;

namespace SmtpShield.Benchmarks.Speed;

/// <summary>Clients that hold their connections until the end.</summary>
/// <param name="count">How many there will be.</param>
internal sealed class HeldClients(int count) : IAsyncDisposable
{
    private readonly ConcurrentBag<Socket> _sockets = [];

    /// <summary>How many there are to be.</summary>
    public int Count => count;

    /// <summary>Adds one; owned.</summary>
    public void Add(Socket socket) => _sockets.Add(socket);

    /// <summary>Closes them.</summary>
    public ValueTask DisposeAsync()
    {
        foreach (var socket in _sockets)
            socket.Dispose();
        return ValueTask.CompletedTask;
    }
}
