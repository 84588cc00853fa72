using System.Net;
using SmtpShield.Testing.Outside;

namespace SmtpShield.Benchmarks.Speed;

/// <summary>The servers of one workload and the ways to them, all running at the same time: who has nothing to do costs nothing.</summary>
internal sealed class Arena : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);
    private readonly List<IAsyncDisposable> _parts = [];

    /// <summary>The ways.</summary>
    public List<Contender> Contenders { get; } = [];

    /// <summary>Adds a server or a contender, which ends with the arena.</summary>
    public T Keep<T>(T part) where T : IAsyncDisposable
    {
        _parts.Add(part);
        return part;
    }

    /// <summary>Starts an smtp-sink(1) with room for many sessions.</summary>
    public async Task<IPEndPoint> StartSinkAsync(CancellationToken cancellationToken)
    {
        var endPoint = new IPEndPoint(IPAddress.Loopback, LoopbackPorts.Take());
        var sink = Keep(OutsideProcess.Start("smtp-sink", ["-u", "nobody", "-c", "-m", "10000", endPoint.ToString(), "4096"]));
        return await Eventually.TryAsync(() => sink.HasExited || LoopbackPorts.IsListening(endPoint.Port), s_patience, cancellationToken) && !sink.HasExited
            ? endPoint
            : throw new InvalidOperationException($"smtp-sink does not listen:\n{sink.Output}");
    }

    /// <summary>Starts a shield with its own defaults, but no limit for the one address all load comes from.</summary>
    public async Task<ShieldProcess> AddShieldAsync(
        IPEndPoint server, CancellationToken cancellationToken, IReadOnlyDictionary<string, string>? parameters = null, string name = Contender.Shield)
    {
        var shield = Keep(await ShieldProcess.StartAsync(server, new Dictionary<string, string>(parameters ?? new Dictionary<string, string>())
        {
            ["smtpd_client_connection_count_limit"] = "10000",
            ["shield_log_client_limit"] = ShieldProcess.OwnDefault,
        }, cancellationToken));
        Contenders.Add(Contender.Of(shield, name));
        return shield;
    }

    /// <summary>Starts a shield of which all is seen: history, what is given, and metrics that are read once a second.</summary>
    /// <param name="server">The server behind it.</param>
    /// <param name="shadow">Its <c>shield_shadow</c>.</param>
    /// <param name="parameters">What else it has.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task AddObservedShieldAsync(
        IPEndPoint server, string shadow, IReadOnlyDictionary<string, string> parameters, CancellationToken cancellationToken)
    {
        var metrics = new IPEndPoint(IPAddress.Loopback, LoopbackPorts.Take());
        await AddShieldAsync(server, cancellationToken, new Dictionary<string, string>(parameters)
        {
            ["shield_metrics_listen"] = $"{metrics}", ["shield_shadow"] = shadow, ["shield_observe"] = "yes",
        }, Contender.Observed);
        Keep(new Scraper(new($"http://{metrics}/metrics")));
    }

    /// <summary>Starts an HAProxy that counts as the shield does.</summary>
    public async Task AddHAProxyAsync(IPEndPoint server, CancellationToken cancellationToken, string bind = "") =>
        Contenders.Add(Contender.Of(Keep(await HAProxyInstance.StartAsync(server, "", "", cancellationToken, frontend:
            """
            stick-table type ip size 100k expire 60s store conn_cur,conn_rate(60s)
                tcp-request connection track-sc0 src
                tcp-request connection reject if { sc0_conn_cur gt 10000 }
            """, bind: bind))));

    /// <summary>Starts an nginx that counts connections.</summary>
    public async Task AddNginxAsync(IPEndPoint server, CancellationToken cancellationToken) =>
        Contenders.Add(Contender.Of(Keep(await NginxInstance.StartAsync(server, cancellationToken, isProxyProtocol: false, connectionLimit: 10_000))));

    /// <summary>Ends all.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var part in Enumerable.Reverse(_parts))
            await part.DisposeAsync();
    }
}
