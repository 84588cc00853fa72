using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using SmtpShield.Clients;
using SmtpShield.Options;
using StackExchange.Redis;

namespace SmtpShield.Limits.Shared;

/// <summary>Tries a store as a shield would use it, with keys of its own, and leaves nothing behind.</summary>
/// <param name="options">The options of all services.</param>
/// <param name="address">The store.</param>
/// <param name="time">The clock of the round trips.</param>
internal sealed class RedisProbe(ShieldOptions options, SharedStoreAddress address, TimeProvider time)
{
    /// <summary>Calls whose round trips are measured.</summary>
    public const int Calls = 20;

    // Long, as somebody looks at it once: whether it is quick enough is to be seen, not to be guessed from a failure.
    private const int Patience = 5000;

    // What the library puts in front of an error of the store.
    private const string SimpleError = "SimpleError: ";

    // Should this end before it has tidied up.
    private static readonly TimeSpan s_expiry = TimeSpan.FromMinutes(1);

    private readonly SharingOptions _sharing = options.Sharing;

    /// <summary>Tries it.</summary>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<StoreFindings> RunAsync(CancellationToken cancellationToken)
    {
        var findings = new StoreFindings($"{address}", address.HasTls) { Partitions = address.Partitions };
        try
        {
            var configuration = RedisStoreLogin.Of(_sharing).Configure(address);
            (configuration.AbortOnConnectFail, configuration.AsyncTimeout, configuration.ConnectTimeout) = (true, Patience, Patience);
            (configuration.AllowAdmin, configuration.ConnectRetry) = (true, 1);
            findings = findings with { Away = await UnreachableAsync(cancellationToken).ConfigureAwait(false) };
            if (findings.Away.Count == address.Nodes.Count)
                return findings with { Failure = findings.Away[0].Failure };
            return await TryAsync(findings, configuration).WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (SharedStoreException unread)
        {
            return findings with { Failure = new(StoreFailureKind.File, unread.Message) };
        }
    }

    // The library does not say why it can't connect.
    private async Task<List<(string Node, StoreFailure Failure)>> UnreachableAsync(CancellationToken cancellationToken)
    {
        List<(string Node, StoreFailure Failure)> away = [];
        foreach (var node in address.Nodes)
        {
            var isLocal = node is UnixDomainSocketEndPoint;
            using var socket = isLocal
                ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
                : new Socket(SocketType.Stream, ProtocolType.Tcp);
            using var patience = new CancellationTokenSource(TimeSpan.FromMilliseconds(Patience), time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
            try
            {
                await socket.ConnectAsync(node, either.Token).ConfigureAwait(false);
            }
            catch (SocketException refused)
            {
                away.Add((SharedStoreAddress.NameOf(node), new(StoreFailureKind.Unreachable, refused.Message)));
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                away.Add((SharedStoreAddress.NameOf(node), new(StoreFailureKind.Unreachable, $"no answer in {Patience / 1000} s")));
            }
        }

        return away;
    }

    private async Task<StoreFindings> TryAsync(StoreFindings findings, ConfigurationOptions configuration)
    {
        try
        {
            await using var connection = await ConnectionMultiplexer.ConnectAsync(configuration).ConfigureAwait(false);
            List<StoreNode> nodes = [];
            foreach (var server in connection.GetServers().Where(static server => server.IsConnected))
                nodes.Add(StoreNode.Read(SharedStoreAddress.NameOf(server.EndPoint), await InfoAsync(server).ConfigureAwait(false)));
            findings = findings with { Nodes = nodes };
            if (nodes.Find(static node => node.IsTooOld) is { } old)
                return findings with { Failure = new(StoreFailureKind.Store, $"it is {old.Software}, and must be Redis 6.0 or later, or Valkey") };
            if (!address.IsCluster && nodes.Exists(static node => node.IsOfCluster))
                return findings with { Failure = new(StoreFailureKind.Cluster, "it is a Redis Cluster, each of whose nodes has a part of the keys") };
            if (connection.GetServers().All(static server => !server.IsConnected || server.IsReplica))
                return findings with { Failure = new(StoreFailureKind.Replica, Replicas(nodes)) };

            var database = connection.GetDatabase();
            await using var store = new RedisStore(() => configuration, _sharing.Prefix, ExchangeScript.Embedded, ExchangeScript.Entries);
            for (var partition = 0; partition < address.Partitions; partition++)
                findings = findings with { RoundTrips = await ExchangeAsync(store, partition, database).ConfigureAwait(false) };
            var snapshot = new ShieldSnapshot(options);
            return findings with
            {
                Settings = SharingSettings.Of(options, SharingTerms.ServicesOf(snapshot, options)
                    .Select(name => SharedService.Of(name, options.Of(name).Limits))),
                Members = await MembersAsync(connection, database).ConfigureAwait(false),
            };
        }
        catch (Exception problem) when (problem is RedisException or SharedStoreException or TimeoutException)
        {
            return findings with { Failure = FailureOf(problem) };
        }
    }

    // Without the right to ask, nothing is known of the node, and that is all.
    private static async Task<string> InfoAsync(IServer server)
    {
        try
        {
            return await server.InfoRawAsync().ConfigureAwait(false) ?? "";
        }
        catch (RedisServerException)
        {
            return "";
        }
    }

    // Two shields that are none: the one must hear of what the other one counts.
    private async Task<List<TimeSpan>> ExchangeAsync(RedisStore tried, int partition, IDatabase database)
    {
        var keys = $"{RedisStore.KeysOf(_sharing.Prefix, partition)}probe:{Random.Shared.NextInt64():x16}:";
        var client = new AnvilKey("probe", ClientRange.Of(IPAddress.Parse("192.0.2.1"), 32, 64));
        RedisKey[] written = [keys + "m", keys + "l", keys + "h", $"{keys}c:{ExchangeFormat.ClientOf(client)}"];
        var store = new RedisPartition(tried, keys);
        try
        {
            // The library would choose commands that the shields' user need not have.
            await store.ExchangeAsync(CallOf("1", 1, new ClientReport(client, 0, new(SharedCounts.NoWindow, 1, default)))).ConfigureAwait(false);
            foreach (var key in written)
                await database.ExecuteAsync("PEXPIRE", key, (long)s_expiry.TotalMilliseconds).ConfigureAwait(false);
            var answer = await store.ExchangeAsync(CallOf("2", 1, new ClientReport(client, 0, new(SharedCounts.NoWindow, 0, default)))).ConfigureAwait(false);
            if (answer is not { Counts: [{ Open: 1 }] })
                throw new SharedStoreException("it does not give back what it was told");

            List<TimeSpan> all = [];
            for (var i = 0; i < Calls; i++)
            {
                var begun = time.GetTimestamp();
                await store.ExchangeAsync(CallOf("2", 2 + i)).ConfigureAwait(false);
                all.Add(time.GetElapsedTime(begun));
            }

            all.Sort();
            return all;
        }
        finally
        {
            await database.ExecuteAsync("DEL", [.. written.Select(static key => (object)key)]).ConfigureAwait(false);
        }
    }

    private ExchangeCall CallOf(string owner, long sequence, params ClientReport[] reports) => new()
    {
        Owner = owner,
        Told = 0,
        Sequence = sequence,
        Acknowledged = 0,
        SteppedEpoch = "",
        Epoch = "",
        NewEpoch = $"{Random.Shared.NextInt64():x16}",
        Unit = options.Anvil.RateTimeUnit,
        Lease = _sharing.Lease,
        Expiry = s_expiry,
        Cursor = 0,
        Services = [new("probe", 0, default)],
        Reports = reports,
    };

    // The shields whose leases last, on the clock that runs only while the store serves somebody; of the first partition, as all have the same.
    private async Task<IReadOnlyList<string>> MembersAsync(ConnectionMultiplexer connection, IDatabase database)
    {
        var keys = RedisStore.KeysOf(_sharing.Prefix, partition: 0);
        var all = (await database.HashGetAllAsync(keys + "m").ConfigureAwait(false))
            .ToDictionary(static entry => $"{entry.Name}", static entry => $"{entry.Value}", StringComparer.Ordinal);
        if (NumberIn("y") is not { } clock || NumberIn("s") is not { } last)
            return [];

        // Of a cluster, any node's: their clocks differ by less than a lease.
        var primary = connection.GetServers().First(static server => server is { IsConnected: true, IsReplica: false });
        var now = (await primary.TimeAsync().ConfigureAwait(false) - DateTime.UnixEpoch).TotalMicroseconds;
        if (now - last > _sharing.Lease.TotalMicroseconds)
            return [];

        var alive = await database.SortedSetRangeByScoreAsync(keys + "l", clock, double.PositiveInfinity, Exclude.Start).ConfigureAwait(false);
        return [.. alive.Select(number => all.GetValueOrDefault($"f{number}", ""))];

        long? NumberIn(string name) =>
            long.TryParse(all.GetValueOrDefault(name), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
    }

    private static StoreFailure FailureOf(Exception problem)
    {
        for (var inner = problem; inner is not null; inner = inner.InnerException)
        {
            if (inner is AuthenticationException certificate)
                return new(StoreFailureKind.Certificate, certificate.Message);
            if (inner is not RedisServerException refused)
                continue;

            var reason = refused.Message[(refused.Message.StartsWith(SimpleError, StringComparison.Ordinal) ? SimpleError.Length : 0)..];
            var kind = reason.Split(' ')[0] switch
            {
                "WRONGPASS" or "NOAUTH" => StoreFailureKind.Login,
                "READONLY" => StoreFailureKind.Replica,
                _ => reason.Contains("NOPERM", StringComparison.Ordinal) || reason.Contains("can't run this command", StringComparison.Ordinal)
                    ? StoreFailureKind.Rights : StoreFailureKind.Store,
            };
            return new(kind, reason);
        }

        // A node that it has heard of, and was not told what it has.
        if (problem.Message.Contains("hashslot", StringComparison.Ordinal))
            return new(StoreFailureKind.Rights, "it does not say which of its nodes has a partition, as CLUSTER NODES does");
        return problem is RedisConnectionException { FailureType: ConnectionFailureType.UnableToConnect }
            ? new(StoreFailureKind.Silent, "it takes connections, and does not talk as a Redis does")
            : new(StoreFailureKind.Store, problem.Message);
    }

    private static string Replicas(IEnumerable<StoreNode> nodes) =>
        string.Join(", ", nodes.Select(static node => $"{node.Name} is a replica of {node.Primary}"));
}
