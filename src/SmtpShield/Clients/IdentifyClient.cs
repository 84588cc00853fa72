using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using SmtpShield.Configuration;
using SmtpShield.Listening;

namespace SmtpShield.Clients;

/// <summary>
/// Decides whose connection this is: the socket's peer, with its verified name if <c>smtpd_peername_lookup</c> asks for it. Leaves a
/// <see cref="ClientIdentity"/>, which stays as it is until the connection ends; a connection whose peer has already vanished is dropped.
/// </summary>
internal sealed partial class IdentifyClient(ShieldService service, PeerNames names, ILogger<IdentifyClient> log) : IConnectionStage
{
    /// <inheritdoc />
    public Task InvokeAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        if (connection.RemoteEndPoint is not IPEndPoint peer)
            return Task.CompletedTask;
        if (service.Current.Smtpd.PeernameLookup)
            return LookUpAsync(connection, peer, next);

        connection.Features.Set(new ClientIdentity(peer, anvil: service.Current.Anvil) { IsProxy = IsProxy(connection) });
        return next(connection);
    }

    private async Task LookUpAsync(ConnectionContext connection, IPEndPoint peer, ConnectionDelegate next)
    {
        var found = await names.LookUpAsync(ClientIdentity.AddressOf(peer), connection.ConnectionClosed).ConfigureAwait(false);
        var client = new ClientIdentity(peer, found.Name, service.Current.Anvil) { ReverseName = found.ReverseName, IsNameTemporary = found.IsTemporary, IsProxy = IsProxy(connection) };
        switch (found.Fault)
        {
            case PeerNameFault.Numeric:
                Log.NumericHostname(log, found.Claimed);
                break;
            case PeerNameFault.Malformed:
                Log.MalformedHostname(log, found.Claimed);
                break;
            case PeerNameFault.Mismatch:
                Log.HostnameMismatch(log, found.Claimed, client.AddressText);
                break;
            case PeerNameFault.Unresolved:
                Log.HostnameUnresolved(log, found.Claimed, client.AddressText, found.Reason);
                break;
        }

        connection.Features.Set(client);
        await next(connection).ConfigureAwait(false);
    }

    private static bool IsProxy(ConnectionContext connection) => connection.Features.Get<ProxyConnection>() is { IsProxy: true };

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
