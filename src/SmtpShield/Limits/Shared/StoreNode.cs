using System.Globalization;

namespace SmtpShield.Limits.Shared;

/// <summary>A node of a store, as it says itself.</summary>
/// <param name="Name">Where it is.</param>
/// <param name="Info">Its answer to <c>INFO</c>: lines with a name, a colon and a value. Empty: the user may not ask.</param>
internal sealed record StoreNode(string Name, IReadOnlyDictionary<string, string> Info)
{
    // The first version with users and their rights.
    private static readonly Version s_first = new(6, 0);

    /// <summary>What it is, with its version, for example <c>Redis 7.0.15</c>; empty: it does not say.</summary>
    public string Software => Info.TryGetValue("valkey_version", out var valkey) ? $"Valkey {valkey}"
        : Info.TryGetValue("redis_version", out var redis) ? $"Redis {redis}" : "";

    /// <summary>Whether it is older than a store may be. Valkey says which Redis it is compatible with.</summary>
    public bool IsTooOld => Version.TryParse(Info.GetValueOrDefault("redis_version"), out var version) && version < s_first;

    /// <summary>Whether it is one of a Redis Cluster.</summary>
    public bool IsOfCluster => Info.GetValueOrDefault("redis_mode") == "cluster";

    /// <summary>Whether it is a replica, which takes no writes.</summary>
    public bool IsReplica => Info.GetValueOrDefault("role") == "slave";

    /// <summary>The primary of a replica.</summary>
    public string Primary => $"{Info.GetValueOrDefault("master_host")}:{Info.GetValueOrDefault("master_port")}";

    /// <summary>Replicas that are connected with a primary.</summary>
    public int Replicas => int.TryParse(Info.GetValueOrDefault("connected_slaves"), out var count) ? count : 0;

    /// <summary>Octets it may take; 0: all there are.</summary>
    public long Memory => long.TryParse(Info.GetValueOrDefault("maxmemory"), NumberStyles.None, CultureInfo.InvariantCulture, out var octets) ? octets : 0;

    /// <summary>What it does when these are full; empty: it does not say.</summary>
    public string MemoryPolicy => Info.GetValueOrDefault("maxmemory_policy", "");

    /// <summary>Reads what a node has answered.</summary>
    public static StoreNode Read(string name, string info) => new(name, info.Split('\n')
        .Select(static line => line.TrimEnd('\r').Split(':', 2)).Where(static pair => pair.Length == 2)
        .DistinctBy(static pair => pair[0]).ToDictionary(static pair => pair[0], static pair => pair[1], StringComparer.Ordinal));
}
