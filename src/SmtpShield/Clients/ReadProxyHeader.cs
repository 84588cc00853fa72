using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using SmtpShield.Listening;
using SmtpShield.Observe;
using SmtpShield.Options;
using SmtpShield.Protocol.Proxy;

namespace SmtpShield.Clients;

/// <summary>
/// Reads the PROXY header that begins every connection of a service with <c>smtpd_upstream_proxy_protocol</c>, and gives the connection the addresses it names;
/// on other services it looks at nothing. The first stage, so it also takes the options the connection goes by. What follows the header stays to
/// be read. Peers that are not in <c>shield_proxy_sources</c> are closed without a word.
/// </summary>
/// <remarks>
/// Slow headers are bounded by <c>smtpd_upstream_proxy_timeout</c> and the process limit: only proxies get this far, and a client behind them has no address
/// yet to be counted by.
/// </remarks>
internal sealed partial class ReadProxyHeader(ShieldService service, ServiceStress stress, TimeProvider time, ILogger<ReadProxyHeader> log)
    : IConnectionStage<ConnectionContext, ArrivedConnection>
{
    private static readonly TimeSpan WarningInterval = TimeSpan.FromSeconds(60);

    // A proxy is known by its address only, so no name on the list matches.
    private const string NoName = "";

    private readonly HealthChecks _checks = new(time);
    private readonly AtMostOnce _warning = new(time, WarningInterval);
    private readonly AtMostOnce _checksWarning = new(time, WarningInterval);

    /// <inheritdoc />
    public Task InvokeAsync(ConnectionContext connection, Func<ArrivedConnection, Task> next)
    {
        var options = new ConnectionOptions(service, stress.IsOn);
        var proxy = options.AtStart.Proxy;
        if (proxy.Protocol == UpstreamProxyProtocol.None)
            return next(new(connection, options, ProxyConnection.None));
        if (connection.RemoteEndPoint is not IPEndPoint peer)
            return Task.CompletedTask;
        if (proxy.Sources.Matches(ClientIdentity.AddressOf(peer), NoName))
            return ReadAsync(connection, peer, options, next);

        WarnOf(peer);
        return Task.CompletedTask;
    }

    private async Task ReadAsync(ConnectionContext connection, IPEndPoint peer, ConnectionOptions options, Func<ArrivedConnection, Task> next)
    {
        var (header, fault) = await TryReadAsync(connection, options.AtStart.Proxy).ConfigureAwait(false);
        using var check = IsLocal(header, peer, connection.LocalEndPoint) ? BeginCheck() : null;
        var proxy = new ProxyConnection(check is not null, fault.Length == 0 && IsProxy(header, peer), fault.Length > 0);
        if (fault.Length == 0 && header.Kind == ProxyHeaderKind.Tcp)
            (connection.RemoteEndPoint, connection.LocalEndPoint) = (header.Source.ToIPEndPoint(), header.Destination.ToIPEndPoint());

        await next(new(connection, options, proxy) { Notes = fault.Length > 0 ? [through => Log.HeaderRefused(through(log), fault)] : [] })
            .ConfigureAwait(false);
    }

    // Version 1 has no LOCAL. HAProxy then names the ends of the very connection the header comes on, which no client's connection can have.
    private static bool IsLocal(in ProxyHeader header, IPEndPoint peer, EndPoint? local) => header.Kind switch
    {
        ProxyHeaderKind.Local => true,
        ProxyHeaderKind.Tcp => header.Source == peer.ToProxyEndPoint() && local is IPEndPoint own && header.Destination == own.ToProxyEndPoint(),
        _ => false,
    };

    // An address nobody can have through the proxy, or one that says no more than that the connection came from it: what a proxy that can't see its client
    // gives to all of them.
    private static bool IsProxy(in ProxyHeader header, IPEndPoint peer)
    {
        if (header.Kind != ProxyHeaderKind.Tcp)
            return true;
        var source = header.Source.ToIPEndPoint().Address;
        return IPAddress.IsLoopback(source) || source.Equals(IPAddress.Any) || source.Equals(IPAddress.IPv6Any)
            || header.Source.IPv6Bits == peer.ToProxyEndPoint().IPv6Bits || header.Source.IPv6Bits == header.Destination.IPv6Bits;
    }

    private HealthChecks.Check? BeginCheck()
    {
        var check = _checks.TryBegin();
        if (check is null && _checksWarning.IsDue())
            Log.TooManyChecks(log, HealthChecks.MostAtOnce, HealthChecks.MostInWindow, (int)HealthChecks.Window.TotalSeconds, service.Name);
        return check;
    }

    private async ValueTask<(ProxyHeader Header, string Fault)> TryReadAsync(ConnectionContext connection, ProxyOptions options)
    {
        var input = connection.Transport.Input;
        using var deadline = new CancellationTokenSource(options.Timeout, time);
        try
        {
            while (true)
            {
                var read = await input.ReadAsync(deadline.Token).ConfigureAwait(false);
                var status = ProxyHeaderParser.TryRead(read.Buffer, options.Unknown == ProxyUnknownPolicy.Accept, out var header,
                    out var consumed, out var fault);
                if (status == ProxyHeaderStatus.Complete)
                {
                    input.AdvanceTo(consumed);
                    return (header, fault);
                }

                if (status == ProxyHeaderStatus.Malformed || read.IsCompleted)
                {
                    var reason = read.Buffer.IsEmpty ? fault : $"{fault}: {ClientText.Escape(read.Buffer)}";
                    input.AdvanceTo(read.Buffer.End);
                    return (default, reason);
                }

                input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            }
        }
        catch (OperationCanceledException)
        {
            return (default, ProxyFaults.Timeout);
        }
        catch (IOException)
        {
            return (default, ProxyFaults.NoHeader);
        }
    }

    // Anybody can connect, as often as he likes.
    private void WarnOf(IPEndPoint peer)
    {
        if (_warning.IsDue())
            Log.UnlistedProxy(log, ClientIdentity.AddressOf(peer), service.Name);
    }

    private static partial class Log
    {
        [LoggerMessage(1106, LogLevel.Warning, "haproxy read: {Reason}", EventName = "ProxyHeaderRefused")]
        public static partial void HeaderRefused(ILogger logger, string reason);

        [LoggerMessage(1107, LogLevel.Warning, "connection from [{Address}] closed: not in shield_proxy_sources of service {Service}",
            EventName = "UnlistedProxy")]
        public static partial void UnlistedProxy(ILogger logger, IPAddress address, string service);

        [LoggerMessage(1150, LogLevel.Warning, "more than {AtOnce} health checks at once or {InWindow} in {Seconds} s: "
            + "further ones are clients of service {Service}", EventName = "TooManyHealthChecks")]
        public static partial void TooManyChecks(ILogger logger, int atOnce, int inWindow, int seconds, string service);
    }
}
