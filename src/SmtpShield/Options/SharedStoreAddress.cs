using System.Globalization;
using System.Net;

namespace SmtpShield.Options;

/// <summary>
/// Where a store is: <c>redis://HOST:PORT</c>, <c>rediss://</c> with TLS, <c>unix:/path</c>; the nodes of one store are joined by <c>+</c>. Behind them
/// <c>?partitions=16</c>: what it keeps is in that many parts, each of which is on one node of a Redis Cluster.
/// </summary>
/// <param name="Nodes">Its nodes; whichever is primary is used.</param>
/// <param name="HasTls">Whether TLS is used.</param>
/// <param name="Partitions">Parts of it, 1 to <see cref="SharedStoreList.MostPartitions"/>.</param>
public sealed record SharedStoreAddress(IReadOnlyList<EndPoint> Nodes, bool HasTls, int Partitions = 1)
{
    private const string Plain = "redis://";
    private const string Secure = "rediss://";
    private const string Unix = "unix:";
    private const string PartitionsOption = "partitions=";
    private const int DefaultPort = 6379;

    /// <summary>Whether it is a Redis Cluster, whose nodes say which of them has a partition.</summary>
    public bool IsCluster => Partitions > 1;

    /// <summary>What it is called wherever its nodes are written in another order.</summary>
    public string Identity => string.Join('+', Nodes.Select(static node => NameOf(node).ToLowerInvariant()).Order(StringComparer.Ordinal));

    /// <summary>What a node is called.</summary>
    public static string NameOf(EndPoint node) => node is DnsEndPoint dns ? $"{dns.Host}:{dns.Port}" : $"{node}";

    /// <summary>Reads one.</summary>
    /// <param name="text">The text.</param>
    /// <param name="address">The address.</param>
    /// <returns>What is wrong; null: nothing.</returns>
    public static string? TryRead(string text, out SharedStoreAddress? address)
    {
        address = null;
        var mark = text.IndexOf('?');
        var partitions = 1;
        if (mark >= 0 && !TryReadPartitions(text[(mark + 1)..], out partitions))
            return $"\"{text[mark..]}\" is not ?partitions= with a number from 1 to {SharedStoreList.MostPartitions}";

        List<EndPoint> nodes = [];
        bool? hasTls = null;
        foreach (var node in (mark < 0 ? text : text[..mark]).Split('+'))
        {
            var isSecure = node.StartsWith(Secure, StringComparison.Ordinal);
            if (hasTls is not null && hasTls != isSecure)
                return "all nodes of a store have TLS, or none";

            hasTls = isSecure;
            if (node.StartsWith(Unix, StringComparison.Ordinal) && node.Length > Unix.Length)
                nodes.Add(new System.Net.Sockets.UnixDomainSocketEndPoint(node[Unix.Length..]));
            else if ((isSecure || node.StartsWith(Plain, StringComparison.Ordinal)) && TryReadHost(node[(isSecure ? Secure : Plain).Length..]) is { } place)
                nodes.Add(place);
            else
                return $"\"{node}\" is no address of a store";
        }

        if (nodes.Distinct().Count() < nodes.Count)
            return $"\"{text}\" has a node twice";

        address = new(nodes, hasTls ?? false, partitions);
        return null;
    }

    /// <inheritdoc/>
    public override string ToString() => string.Join('+', Nodes.Select(NameOf));

    private static bool TryReadPartitions(string text, out int partitions)
    {
        partitions = 0;
        return text.StartsWith(PartitionsOption, StringComparison.Ordinal)
            && int.TryParse(text.AsSpan(PartitionsOption.Length), NumberStyles.None, CultureInfo.InvariantCulture, out partitions)
            && partitions is >= 1 and <= SharedStoreList.MostPartitions;
    }

    private static EndPoint? TryReadHost(string text)
    {
        var place = text.TrimEnd('/');
        if (IPEndPoint.TryParse(place, out var end))
            return end.Port == 0 ? new IPEndPoint(end.Address, DefaultPort) : end;

        var colon = place.LastIndexOf(':');
        var host = colon < 0 ? place : place[..colon];
        var port = DefaultPort;
        if (colon >= 0 && !int.TryParse(place.AsSpan(colon + 1), NumberStyles.None, null, out port))
            return null;
        return port is > 0 and <= ushort.MaxValue && Uri.CheckHostName(host) == UriHostNameType.Dns ? new DnsEndPoint(host, port) : null;
    }
}
