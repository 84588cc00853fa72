using System.Net;
using System.Net.Sockets;
using SmtpShield.Testing.Outside;

namespace SmtpShield.Benchmarks.Speed;

/// <summary>
/// How long a client waits for its greeting where counts are shared, beside a shield that counts alone: the same where nobody waits for the store, also while
/// that is away, and a round trip more where all do.
/// </summary>
internal sealed class SharedGreetings()
    : Workload("shared-greetings", "connections up to the greeting, one after the other; counted together with other shields", "greetings", Contender.Shield)
{
    private const int Connections = 2000;
    private const int Stop = 19;

    /// <inheritdoc />
    public override async Task<Arena> StartAsync(CancellationToken cancellationToken)
    {
        var arena = new Arena();
        var sink = await arena.StartSinkAsync(cancellationToken);
        var redis = arena.Keep(await RedisInstance.StartAsync(cancellationToken));
        var stopped = arena.Keep(await RedisInstance.StartAsync(cancellationToken));
        // Who answers by itself: what the MTA's greeting takes is not what is measured.
        var late = new Dictionary<string, string> { ["shield_upstream_connect"] = "mail" };
        await arena.AddShieldAsync(sink, cancellationToken, With(SharedMails.Limits));
        await arena.AddShieldAsync(sink, cancellationToken, With(SharedMails.Over(redis.Address, "async")), Contender.Shared);
        await arena.AddShieldAsync(sink, cancellationToken, With(SharedMails.Over(redis.Address, "strict")), Contender.Strict);
        await arena.AddShieldAsync(sink, cancellationToken, With(SharedMails.Over(stopped.Address, "async")), Contender.Away);
        OutsideProcess.Signal(stopped.Id, Stop);
        return arena;

        Dictionary<string, string> With(Dictionary<string, string> parameters) => parameters.Concat(late).ToDictionary();
    }

    /// <inheritdoc />
    public override Task<Sample> RunAsync(Contender contender, CancellationToken cancellationToken) =>
        Task.Run(() => Play(contender.EndPoint), cancellationToken);

    // Without await: this side's own scheduling is not what is measured.
    private static Sample Play(IPEndPoint server)
    {
        var buffer = new byte[512];
        var delays = new double[Connections];
        var start = TimeProvider.System.GetTimestamp();
        for (var i = 0; i < Connections; i++)
        {
            using var socket = new Socket(server.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            var begun = TimeProvider.System.GetTimestamp();
            socket.Connect(server);
            if (socket.Receive(buffer) == 0 || buffer[0] != (byte)'2')
                throw new InvalidOperationException("There was no greeting.");
            delays[i] = TimeProvider.System.GetElapsedTime(begun).TotalMicroseconds;
            socket.Send("QUIT\r\n"u8);
            while (socket.Receive(buffer) > 0)
            {
                // The shield closes first.
            }
        }

        return new(Connections, TimeProvider.System.GetElapsedTime(start), delays);
    }
}
