using StackExchange.Redis;

namespace SmtpShield.Testing.Outside;

/// <summary>A real Redis Cluster of the test's own, of primaries only: what one of them has is away with it, and with nothing else.</summary>
public sealed class RedisCluster : IAsyncDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    private readonly List<RedisInstance> _nodes = [];

    private RedisCluster()
    {
    }

    /// <summary>Its nodes.</summary>
    public IReadOnlyList<RedisInstance> Nodes => _nodes;

    /// <summary>Its nodes, as in a value of <c>shield_shared_store</c>.</summary>
    public string Address => string.Join('+', _nodes.Select(static node => node.Address));

    /// <summary>Starts it and waits until all its nodes know that it is whole.</summary>
    /// <param name="count">How many nodes it has, 3 at least.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="lines">More lines of each node's configuration.</param>
    public static async Task<RedisCluster> StartAsync(int count, CancellationToken cancellationToken, params string[] lines)
    {
        var cluster = new RedisCluster();
        for (var i = 0; i < count; i++)
        {
            cluster._nodes.Add(await RedisInstance.StartAsync(
                cancellationToken, ["cluster-enabled yes", $"cluster-port {LoopbackPorts.Take()}", "cluster-require-full-coverage no", .. lines]));
        }

        var made = await OutsideProcess.RunSuccessfullyAsync(
            "redis-cli", ["--cluster", "create", .. cluster._nodes.Select(static node => $"{node.EndPoint}"), "--cluster-yes"], s_limit, cancellationToken);
        await using var connection = await ConnectionMultiplexer.ConnectAsync(
            $"{string.Join(',', cluster._nodes.Select(static node => node.EndPoint))},allowAdmin=true");
        await Eventually.HoldsAsync(
            () => cluster._nodes.TrueForAll(node => $"{connection.GetServer(node.EndPoint).Execute("CLUSTER", "INFO")}".Contains(
                "cluster_state:ok", StringComparison.Ordinal)),
            s_limit, $"the cluster is whole:\n{made}", cancellationToken);
        return cluster;
    }

    /// <summary>The node that has a key.</summary>
    public async Task<RedisInstance> NodeOfAsync(string key)
    {
        await using var connection = await ConnectionMultiplexer.ConnectAsync($"{_nodes[0].EndPoint},allowAdmin=true");
        var node = (await connection.GetServer(_nodes[0].EndPoint).ClusterNodesAsync())!.GetBySlot(connection.GetHashSlot(key))!;
        return _nodes.Single(one => one.EndPoint.Equals(node.EndPoint));
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
            await node.DisposeAsync();
    }
}
