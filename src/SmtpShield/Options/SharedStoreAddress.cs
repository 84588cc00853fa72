using System.Net;

namespace SmtpShield.Options;

/// <summary>Where a store is: <c>redis://HOST:PORT</c>, <c>rediss://</c> with TLS, <c>unix:/path</c>; the nodes of one store are joined by <c>+</c>.</summary>
/// <param name="Nodes">Its nodes; whichever is primary is used.</param>
/// <param name="HasTls">Whether TLS is used.</param>
public sealed record SharedStoreAddress(IReadOnlyList<EndPoint> Nodes, bool HasTls)
{
    private const string Plain = "redis://";
    private const string Secure = "rediss://";
    private const string Unix = "unix:";
    private const int DefaultPort = 6379;

    /// <summary>Reads one.</summary>
    /// <param name="text">The text.</param>
    /// <param name="address">The address.</param>
    /// <returns>What is wrong; null: nothing.</returns>
    public static string? TryRead(string text, out SharedStoreAddress? address)
    {
        address = null;
        List<EndPoint> nodes = [];
        bool? hasTls = null;
        foreach (var node in text.Split('+'))
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

        address = new(nodes, hasTls ?? false);
        return null;
    }

    /// <inheritdoc/>
    public override string ToString() => string.Join('+', Nodes.Select(static node => node switch
    {
        DnsEndPoint dns => $"{dns.Host}:{dns.Port}",
        _ => node.ToString(),
    }));

    private static EndPoint? TryReadHost(string text)
    {
        var place = text.TrimEnd('/');
        if (IPEndPoint.TryParse(place, out var end))
            return end.Port == 0 ? new IPEndPoint(end.Address, DefaultPort) : end;

        var colon = place.LastIndexOf(':');
        var host = colon < 0 ? place : place[..colon];
        var port = DefaultPort;
        if (colon >= 0 && !int.TryParse(place.AsSpan(colon + 1), System.Globalization.NumberStyles.None, null, out port))
            return null;
        return port is > 0 and <= ushort.MaxValue && Uri.CheckHostName(host) == UriHostNameType.Dns ? new DnsEndPoint(host, port) : null;
    }
}
