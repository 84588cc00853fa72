using System.Net;
using System.Net.Sockets;

namespace SmtpShield.Benchmarks.Speed;

/// <summary>
/// One client that says NOOP in a transaction and waits for its reply, again and again: what a command waits longer than without anything between.
/// </summary>
internal sealed class CommandDelay() : Workload("command", "one command and its reply, one after the other", "commands")
{
    private const int Commands = 20_000;

    /// <inheritdoc />
    public override async Task<Arena> StartAsync(CancellationToken cancellationToken)
    {
        var arena = new Arena();
        var sink = await arena.StartSinkAsync(cancellationToken);
        arena.Contenders.Add(Contender.None(sink));
        await arena.AddHAProxyAsync(sink, cancellationToken);
        await arena.AddNginxAsync(sink, cancellationToken);
        await arena.AddShieldAsync(sink, cancellationToken, new Dictionary<string, string>
        {
            ["smtpd_junk_command_limit"] = "1000000", ["shield_upstream_connect"] = "connect",
        });
        return arena;
    }

    /// <inheritdoc />
    public override Task<Sample> RunAsync(Contender contender, CancellationToken cancellationToken) =>
        Task.Run(() => Play(contender.EndPoint), cancellationToken);

    // Without await: this side's own scheduling is not what is measured.
    private static Sample Play(IPEndPoint server)
    {
        using var socket = new Socket(server.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Connect(server);
        var buffer = new byte[512];
        Read(socket, buffer);
        // A command the shield passes on; NOOP it may answer itself.
        Say(socket, "HELO client.example\r\n"u8, buffer);
        Say(socket, "MAIL FROM:<sender@client.example>\r\n"u8, buffer);
        var delays = new double[Commands];
        var start = TimeProvider.System.GetTimestamp();
        for (var command = 0; command < Commands; command++)
        {
            var sent = TimeProvider.System.GetTimestamp();
            Say(socket, "NOOP\r\n"u8, buffer);
            delays[command] = TimeProvider.System.GetElapsedTime(sent).TotalMicroseconds;
        }
        return new(Commands, TimeProvider.System.GetElapsedTime(start), delays);
    }

    private static void Say(Socket socket, ReadOnlySpan<byte> line, byte[] buffer)
    {
        socket.Send(line);
        Read(socket, buffer);
    }

    private static void Read(Socket socket, byte[] buffer)
    {
        var length = 0;
        do
        {
            var received = socket.Receive(buffer, length, buffer.Length - length, SocketFlags.None);
            length = received > 0 ? length + received : throw new InvalidOperationException("The connection was closed.");
        }
        while (buffer[length - 1] != (byte)'\n');
        if (buffer[0] is not ((byte)'2' or (byte)'3'))
            throw new InvalidOperationException($"Not a success: {System.Text.Encoding.Latin1.GetString(buffer, 0, length)}");
    }
}
