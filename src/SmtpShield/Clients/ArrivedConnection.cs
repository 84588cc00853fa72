using Microsoft.AspNetCore.Connections;
using SmtpShield.Options;

namespace SmtpShield.Clients;

/// <summary>A connection whose addresses are those of the client, as far as the proxy in front of the shield can tell.</summary>
/// <param name="Connection">The connection.</param>
/// <param name="Options">The options it goes by.</param>
/// <param name="Proxy">What the proxy has said.</param>
internal sealed record ArrivedConnection(ConnectionContext Connection, ConnectionOptions Options, ProxyConnection Proxy)
{
    /// <summary>What is to be logged before <c>connect from</c>, in order.</summary>
    public IReadOnlyList<LogNote> Notes { get; init; } = [];
}
