using System.Net;
using System.Net.Sockets;
using System.Text;
using SmtpShield.Testing.Outside;

namespace SmtpShield.Benchmarks.Speed;

/// <summary>Clients over their connection rate limit, each of which reads its 421 to the end of the connection.</summary>
internal sealed class Refusals() : Workload("refused", "connections over smtpd_client_connection_rate_limit that read their 421", "refusals", Contender.Postfix)
{
    private const int Connections = 2000;
    private const int ManyConnections = 20_000;
    private const int AtATime = 20;

    /// <inheritdoc />
    public override async Task<Arena> StartAsync(CancellationToken cancellationToken)
    {
        var arena = new Arena();
        var limits = new Dictionary<string, string> { ["smtpd_client_connection_rate_limit"] = "1" };
        var service = new PostfixService("limited", new Dictionary<string, string>(limits) { ["smtpd_client_connection_count_limit"] = "0" });
        var postfix = arena.Keep(await PostfixInstance.StartAsync([service], cancellationToken, new Dictionary<string, string>
        {
            ["anvil_rate_time_unit"] = "600s",
        }));
        arena.Contenders.Add(new(Contender.Postfix, postfix.EndPointOf(service.Name), postfix.ProcessIds));
        await arena.AddShieldAsync(await arena.StartSinkAsync(cancellationToken), cancellationToken, limits);
        return arena;
    }

    /// <inheritdoc />
    public override Task<Sample> RunAsync(Contender contender, CancellationToken cancellationToken) =>
        RefuseAsync(contender, "", Connections, cancellationToken);

    /// <summary>Connects and reads, as often as shields alone are fast enough for.</summary>
    /// <param name="shield">Who refuses.</param>
    /// <param name="preface">What each client says first.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static Task<Sample> RefuseManyAsync(Contender shield, string preface, CancellationToken cancellationToken) =>
        RefuseAsync(shield, preface, ManyConnections, cancellationToken);

    private static async Task<Sample> RefuseAsync(Contender contender, string preface, int connections, CancellationToken cancellationToken)
    {
        var start = TimeProvider.System.GetTimestamp();
        var octets = Encoding.ASCII.GetBytes(preface);
        var refused = await Task.WhenAll(Enumerable.Range(0, AtATime).Select(_ => Task.Run(
            () => ConnectAsync(contender.EndPoint, octets, connections / AtATime, cancellationToken), cancellationToken)));
        return new(refused.Sum(), TimeProvider.System.GetElapsedTime(start));
    }

    private static async Task<int> ConnectAsync(IPEndPoint server, byte[] preface, int connections, CancellationToken cancellationToken)
    {
        var buffer = new byte[512];
        var refused = 0;
        for (var connection = 0; connection < connections; connection++)
        {
            using var socket = new Socket(server.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(server, cancellationToken);
            if (preface.Length > 0)
                await socket.SendAsync(preface, cancellationToken);
            var length = 0;
            // The first one is greeted, and leaves.
            while (length < buffer.Length && !buffer.AsSpan(0, length).StartsWith("220"u8)
                && await socket.ReceiveAsync(buffer.AsMemory(length), cancellationToken) is > 0 and var received)
            {
                length += received;
            }

            if (buffer.AsSpan(0, length).StartsWith("421 "u8))
                refused++;
        }
        return refused;
    }
}
