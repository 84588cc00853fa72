using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using SmtpShield.Hosting;
using SmtpShield.Options;

namespace SmtpShield.Listening;

/// <summary>
/// Gives Kestrel the endpoints of each service's <c>shield_listen</c>, those of a service with one pipeline. Binding them is Kestrel's, when it starts, and
/// closing them, when it stops; connections are served by the listener itself (<see cref="ServingListener"/>).
/// </summary>
internal static partial class EndpointBinder
{
    /// <summary>Adds the endpoints. A failure comes out of the host's start as an <see cref="EndpointBindException"/>.</summary>
    /// <param name="kestrel">With its services, as inside <c>UseKestrelCore((context, kestrel) => …)</c>.</param>
    /// <param name="pipeline">What happens to a connection.</param>
    public static void Bind(KestrelServerOptions kestrel, Action<IConnectionBuilder> pipeline)
    {
        var services = kestrel.ApplicationServices;
        var options = services.GetRequiredService<ShieldSnapshot>().Current;
        foreach (var service in options.Service.Names.Distinct())
            Bind(kestrel, service, options.Of(service).Listener.Endpoints,
                new(() => Compose(services.GetRequiredService<ServiceScopes>().Of(service), pipeline)));
    }

    private static void Bind(KestrelServerOptions kestrel, string service, IReadOnlyList<IPEndPoint> endpoints, Lazy<ConnectionDelegate> composed)
    {
        var usable = Usable(endpoints, Socket.OSSupportsIPv6);
        if (usable.Count < endpoints.Count)
            Log.NoIPv6(kestrel.ApplicationServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(EndpointBinder)));

        foreach (var endpoint in usable.Distinct())
        {
            // The least that Kestrel can be set to: it gets no connection, so no HTTP is spoken.
            kestrel.Listen(
                new ServiceEndPoint(endpoint, service, connection => composed.Value(connection)),
                static options => options.Protocols = HttpProtocols.Http1);
        }
    }

    // With the first connection, not here: Kestrel's options are being made while this runs, and YARP, which the pipeline leads to, asks for the server that
    // waits for them.
    private static ConnectionDelegate Compose(IServiceProvider services, Action<IConnectionBuilder> pipeline)
    {
        var connection = new ConnectionBuilder(services);
        pipeline(connection);
        return connection.Build();
    }

    /// <summary>
    /// The endpoints without <c>[::]</c>, which is there by default, where the host has no IPv6 and another endpoint is left (as Postfix does with
    /// <c>inet_protocols = all</c>). An IPv6 address that somebody wrote stays and fails.
    /// </summary>
    internal static IReadOnlyList<IPEndPoint> Usable(IReadOnlyList<IPEndPoint> endpoints, bool hasIPv6)
    {
        if (hasIPv6)
            return endpoints;
        List<IPEndPoint> usable = [.. endpoints.Where(e => !e.Address.Equals(IPAddress.IPv6Any))];
        return usable.Count > 0 ? usable : endpoints;
    }

    private static partial class Log
    {
        [LoggerMessage(1020, LogLevel.Warning, "shield_listen: not listening on [::]: this host has no IPv6")]
        public static partial void NoIPv6(ILogger logger);
    }
}
