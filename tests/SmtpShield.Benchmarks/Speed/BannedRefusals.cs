using SmtpShield.Testing.Outside;

namespace SmtpShield.Benchmarks.Speed;

/// <summary>
/// Refusals of a client that is banned, beside those of one over its limit: 0.35 of their processor time at most is expected. Both come through a proxy,
/// as the host's own addresses are never banned.
/// </summary>
internal sealed class BannedRefusals() : Workload("banned", "connections of who is banned, and of who is over a limit, read their 421", "refusals",
    Contender.Shield)
{
    private const string Client = "192.0.2.7";
    private const string Preface = $"PROXY TCP4 {Client} 203.0.113.1 40000 25\r\n";

    /// <inheritdoc />
    public override async Task<Arena> StartAsync(CancellationToken cancellationToken)
    {
        var arena = new Arena();
        var parameters = new Dictionary<string, string>
        {
            ["smtpd_client_connection_rate_limit"] = "1", ["smtpd_upstream_proxy_protocol"] = "haproxy", ["shield_proxy_sources"] = "127.0.0.1",
        };
        var sink = await arena.StartSinkAsync(cancellationToken);
        await arena.AddShieldAsync(sink, cancellationToken, parameters);
        var shield = await arena.AddShieldAsync(sink, cancellationToken, parameters, Contender.Banned);
        var (status, body) = await ControlHttp.AskAsync(
            shield.ControlSocket, HttpMethod.Post, "/v1/bans", cancellationToken, $$"""{"prefix":"{{Client}}","for_s":86400}""");
        return status is 200 or 201 ? arena : throw new InvalidOperationException(body);
    }

    /// <inheritdoc />
    public override Task<Sample> RunAsync(Contender contender, CancellationToken cancellationToken) =>
        Refusals.RefuseManyAsync(contender, Preface, cancellationToken);
}
