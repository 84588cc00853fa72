using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy.Configuration;

namespace SmtpShield.Upstream;

/// <summary>What the host calls: <see cref="AddUpstream"/> on its services, <see cref="MapUpstream"/> on the application before it starts.</summary>
internal static class UpstreamServices
{
    /// <summary>Adds the <see cref="UpstreamPool"/>. Needs a <see cref="Configuration.ShieldSnapshot"/>; takes <see cref="TimeProvider"/> if there is one.</summary>
    public static IServiceCollection AddUpstream(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddReverseProxy();
        services.AddSingleton<IProxyConfigProvider, UpstreamClusterConfig>();
        services.TryAddSingleton<IUpstreamTransport, SocketTransport>();
        services.AddSingleton<UpstreamPool>();
        // YARP logs each destination that goes and comes back in its own words; the dial's failures say it in Postfix's.
        services.AddLogging(static logging => logging.AddFilter("Yarp", LogLevel.Error));
        return services;
    }

    /// <summary>Loads the cluster, and again at each change of the options. Without this call the pool has no destinations.</summary>
    /// <remarks>YARP loads its configuration when its HTTP endpoints are mapped. There are no routes, so no HTTP endpoint comes of it.</remarks>
    public static void MapUpstream(this IEndpointRouteBuilder application) => application.MapReverseProxy(static _ => { });
}
