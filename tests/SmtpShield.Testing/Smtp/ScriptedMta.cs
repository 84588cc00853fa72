using System.Net;
using System.Net.Sockets;

namespace SmtpShield.Testing.Smtp;

/// <summary>An MTA on loopback that does nothing by itself: the test says what each of its connections answers, when, and how it closes.</summary>
public sealed class ScriptedMta : IAsyncDisposable
{
    private readonly Socket _listener;
    private readonly List<MtaConnection> _connections = [];
    private readonly CancellationTokenSource _stopped = new();
    private Task _serving = Task.CompletedTask;

    /// <summary>Listens on a free loopback port.</summary>
    /// <param name="receiveBuffer">The kernel's receive buffer of each connection in octets; null for the usual one. Small, an MTA that does not read
    /// holds its peer up soon.</param>
    public ScriptedMta(int? receiveBuffer = null)
    {
        _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        if (receiveBuffer is { } size)
            _listener.ReceiveBufferSize = size;
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(512);
    }

    /// <summary>Where it listens.</summary>
    public IPEndPoint EndPoint => (IPEndPoint)_listener.LocalEndPoint!;

    /// <summary>Whether a connection waits to be taken.</summary>
    public bool HasWaiting => _listener.Poll(TimeSpan.Zero, SelectMode.SelectRead);

    /// <summary>Takes the next connection.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <param name="read">Whether to take in what comes from the start; otherwise from <see cref="MtaConnection.StartReading"/> on.</param>
    public async Task<MtaConnection> AcceptAsync(CancellationToken cancellationToken, bool read = true)
    {
        var connection = new MtaConnection(await _listener.AcceptAsync(cancellationToken));
        lock (_connections)
            _connections.Add(connection);
        if (read)
            connection.StartReading();
        return connection;
    }

    /// <summary>Runs a script for each connection from now on.</summary>
    public void Serve(Func<MtaConnection, Task> script) => _serving = ServeAsync(script);

    /// <summary>Listens no more: further connections are refused.</summary>
    public void StopListening() => _listener.Dispose();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stopped.CancelAsync();
        _listener.Dispose();
        await _serving;
        foreach (var connection in _connections)
            await connection.DisposeAsync();
        _stopped.Dispose();
    }

    private async Task ServeAsync(Func<MtaConnection, Task> script)
    {
        var scripts = new List<Task>();
        try
        {
            while (true)
            {
                var connection = await AcceptAsync(_stopped.Token);
                scripts.Add(Task.Run(() => script(connection), _stopped.Token));
            }
        }
        catch (Exception stopped) when (stopped is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            foreach (var connection in _connections)
                await connection.DisposeAsync();
        }

        await Task.WhenAll(scripts);
    }
}
