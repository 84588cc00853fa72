using System.Net;
using System.Net.Sockets;
using SmtpShield.Testing.Outside;

namespace SmtpShield.Benchmarks.Speed;

/// <summary>From the start of the program to the first greeting of a client that comes at once, and what the program then has resident.</summary>
internal sealed class Starts() : Workload("start", "from the program's start to the first greeting", "starts")
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private IPEndPoint _sink = null!;

    /// <inheritdoc />
    public override async Task<Arena> StartAsync(CancellationToken cancellationToken)
    {
        var arena = new Arena();
        _sink = await arena.StartSinkAsync(cancellationToken);
        arena.Contenders.Add(new(Contender.HAProxy, _sink, static () => []));
        arena.Contenders.Add(new(Contender.Shield, _sink, static () => []));
        return arena;
    }

    /// <inheritdoc />
    public override async Task<Sample> RunAsync(Contender contender, CancellationToken cancellationToken)
    {
        var start = TimeProvider.System.GetTimestamp();
        if (contender.Name == Contender.HAProxy)
        {
            await using var haproxy = await HAProxyInstance.StartAsync(_sink, "", "", cancellationToken);
            return await GreetedAsync(haproxy.EndPoint, haproxy.Id, start, cancellationToken);
        }

        await using var shield = await ShieldProcess.StartAsync(_sink, new Dictionary<string, string>(), cancellationToken);
        return await GreetedAsync(shield.EndPoint, shield.Id, start, cancellationToken);
    }

    private static async Task<Sample> GreetedAsync(IPEndPoint server, int process, long start, CancellationToken cancellationToken)
    {
        using var socket = new Socket(server.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(server, cancellationToken);
        if (await socket.ReceiveAsync(new byte[512], cancellationToken).AsTask().WaitAsync(s_patience, cancellationToken) == 0)
            throw new InvalidOperationException("There was no greeting.");
        var elapsed = TimeProvider.System.GetElapsedTime(start);
        return new(1, elapsed, [elapsed.TotalMicroseconds], ProcessFigures.ResidentOf(process)) { Processor = ProcessFigures.ProcessorTimeOf(process) };
    }
}
