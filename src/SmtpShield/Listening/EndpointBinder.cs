using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using SmtpShield.Configuration;

namespace SmtpShield.Listening;

/// <summary>Gives Kestrel the endpoints of <c>shield_listen</c>, each with the same pipeline. Binding them is Kestrel's, when it starts.</summary>
internal static partial class EndpointBinder
{
    /// <summary>Adds the endpoints. A failure comes out of the host's start as an <see cref="EndpointBindException"/>.</summary>
    /// <param name="kestrel">With its services, as inside <c>UseKestrelCore((context, kestrel) => …)</c>.</param>
    /// <param name="pipeline">What happens to a connection; its last part must not call the next, which is Kestrel's HTTP.</param>
    public static void Bind(KestrelServerOptions kestrel, Action<IConnectionBuilder> pipeline)
    {
        var listener = kestrel.ApplicationServices.GetRequiredService<ShieldSnapshot>().Current.Listener;
        var usable = Usable(listener.Endpoints, Socket.OSSupportsIPv6);
        if (usable.Count < listener.Endpoints.Count)
            Log.NoIPv6(kestrel.ApplicationServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(EndpointBinder)));

        var composed = new Lazy<ConnectionDelegate>(() => Compose(kestrel.ApplicationServices, pipeline));
        foreach (var endpoint in usable)
        {
            kestrel.Listen(endpoint, options =>
            {
                // The least that Kestrel can be set to. No HTTP is spoken: the pipeline ends before.
                options.Protocols = HttpProtocols.Http1;
                options.Run(connection => composed.Value(connection));
            });
        }
    }

    // With the first connection, not here: Kestrel's options are being made while this runs, and YARP, which the pipeline leads to, asks for the server that waits for them.
    private static ConnectionDelegate Compose(IServiceProvider services, Action<IConnectionBuilder> pipeline)
    {
        var connection = new ConnectionBuilder(services);
        pipeline(connection);
        return connection.Build();
    }

    /// <summary>
    /// The endpoints without <c>[::]</c>, which is there by default, where the host has no IPv6 and another endpoint is left (as Postfix does with <c>inet_protocols = all</c>).
    /// An IPv6 address that somebody wrote stays and fails.
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
