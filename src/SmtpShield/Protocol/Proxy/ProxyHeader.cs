namespace SmtpShield.Protocol.Proxy;

/// <summary>Whose connection follows, as the proxy in front of it says.</summary>
/// <param name="Kind">What the addresses mean.</param>
/// <param name="Source">The client; nothing but with <see cref="ProxyHeaderKind.Tcp"/>.</param>
/// <param name="Destination">Where the client has connected to; nothing but with <see cref="ProxyHeaderKind.Tcp"/>.</param>
internal readonly record struct ProxyHeader(ProxyHeaderKind Kind, ProxyEndPoint Source = default, ProxyEndPoint Destination = default)
{
    /// <summary>A client's connection.</summary>
    public static ProxyHeader Of(ProxyEndPoint source, ProxyEndPoint destination) => new(ProxyHeaderKind.Tcp, source, destination);

    /// <summary>Whether both addresses are IPv4: one format is for both, so the other one has them as <c>::ffff:a.b.c.d</c>.</summary>
    public bool IsIPv4 => Source.IsIPv4 && Destination.IsIPv4;
}
