using System.Net;
using Microsoft.Extensions.Logging;
using SmtpShield.Listening;

namespace SmtpShield.Clients;

/// <summary>
/// Decides whose connection this is: the socket's peer, with its verified name if <c>smtpd_peername_lookup</c> asks for it. That stays as it is until the
/// connection ends; a connection whose peer has already vanished is dropped.
/// </summary>
internal sealed partial class IdentifyClient(PeerNames names, Exemptions exemptions, ILogger<IdentifyClient> log)
    : IConnectionStage<ArrivedConnection, IdentifiedConnection>
{
    /// <inheritdoc />
    public Task InvokeAsync(ArrivedConnection arrived, Func<IdentifiedConnection, Task> next)
    {
        if (arrived.Connection.RemoteEndPoint is not IPEndPoint peer)
            return Task.CompletedTask;
        if (arrived.Options.AtStart.Smtpd.PeernameLookup)
            return LookUpAsync(arrived, peer, next);

        var client = new ClientIdentity(peer, anvil: arrived.Options.AtStart.Anvil) { IsProxy = arrived.Proxy.IsProxy, IsExempted = IsExempted(peer) };
        return next(new(arrived.Connection, arrived.Options, arrived.Proxy, client) { Notes = arrived.Notes });
    }

    private async Task LookUpAsync(ArrivedConnection arrived, IPEndPoint peer, Func<IdentifiedConnection, Task> next)
    {
        var found = await names.LookUpAsync(ClientIdentity.AddressOf(peer), arrived.Connection.ConnectionClosed).ConfigureAwait(false);
        var client = new ClientIdentity(peer, found.Name, arrived.Options.AtStart.Anvil)
        {
            ReverseName = found.ReverseName,
            IsNameTemporary = found.IsTemporary,
            IsProxy = arrived.Proxy.IsProxy,
            IsExempted = IsExempted(peer),
        };
        IReadOnlyList<LogNote> notes = NoteOf(found, client.AddressText) is { } note ? [.. arrived.Notes, note] : arrived.Notes;
        await next(new(arrived.Connection, arrived.Options, arrived.Proxy, client) { Notes = notes }).ConfigureAwait(false);
    }

    private bool IsExempted(IPEndPoint peer) => exemptions.Find(ClientIdentity.AddressOf(peer)) is not null;

    private LogNote? NoteOf(PeerName found, string address) => found.Fault switch
    {
        PeerNameFault.Numeric => through => Log.NumericHostname(through(log), found.Claimed),
        PeerNameFault.Malformed => through => Log.MalformedHostname(through(log), found.Claimed),
        PeerNameFault.Mismatch => through => Log.HostnameMismatch(through(log), found.Claimed, address),
        PeerNameFault.Unresolved => through => Log.HostnameUnresolved(through(log), found.Claimed, address, found.Reason),
        _ => null,
    };

    private static partial class Log
    {
        [LoggerMessage(1100, LogLevel.Warning, "numeric hostname: {Hostname}", EventName = "NumericHostname")]
        public static partial void NumericHostname(ILogger logger, string hostname);

        [LoggerMessage(1101, LogLevel.Warning, "malformed hostname: {Hostname}", EventName = "MalformedHostname")]
        public static partial void MalformedHostname(ILogger logger, string hostname);

        [LoggerMessage(1102, LogLevel.Warning, "hostname {Hostname} does not resolve to address {Address}", EventName = "HostnameMismatch")]
        public static partial void HostnameMismatch(ILogger logger, string hostname, string address);

        [LoggerMessage(1103, LogLevel.Warning, "hostname {Hostname} does not resolve to address {Address}: {Reason}", EventName = "HostnameUnresolved")]
        public static partial void HostnameUnresolved(ILogger logger, string hostname, string address, string reason);
    }
}
