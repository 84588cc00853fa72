using System.Buffers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SmtpShield.Limits.Shared;
using SmtpShield.Metrics;
using SmtpShield.Mta.Learned;
using SmtpShield.Mta.Probing;
using SmtpShield.Mta.Slots;
using SmtpShield.State;
using SmtpShield.Tls;
using SmtpShield.Transport;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;
using Yarp.ReverseProxy.SessionAffinity;

namespace SmtpShield.Mta;

/// <summary>What the host calls: <see cref="AddUpstream"/> on its services, <see cref="MapUpstream"/> on the application before it starts.</summary>
internal static class UpstreamServices
{
    /// <summary>
    /// Adds the <see cref="UpstreamPool"/>. Needs a <see cref="Options.ShieldSnapshot"/>; takes <see cref="TimeProvider"/> if there is one.
    /// </summary>
    public static IServiceCollection AddUpstream(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddReverseProxy();
        services.AddSingleton<IProxyConfigProvider, UpstreamClusterConfig>();
        // Who listens has chosen one.
        services.TryAddSingleton(ArrayPool<byte>.Shared);
        services.TryAddSingleton<ITransport, SocketsTransport>();
        services.TryAddSingleton<IUpstreamTransport, UpstreamNetwork>();
        services.TryAddSingleton<TlsClient>();
        services.TryAddSingleton<ShieldMetrics>();
        services.AddSingleton<KnownClients>();
        services.AddSingleton<LearnedMtas>();
        services.AddSingleton<ShieldFarm>();
        services.AddSingleton<IHandedOver, LearnedHandOver>();
        services.AddSingleton<IHandedOver, SlotsHandOver>();
        services.AddSingleton<UpstreamPool>();
        services.AddSingleton<Prober>();
        services.AddSingleton<UpstreamMaintenance>();
        // YARP makes what uses it before the pool, which needs YARP.
        services.AddSingleton(static services => new Lazy<UpstreamPool>(services.GetRequiredService<UpstreamPool>));
        services.AddSingleton<IClusterChangeListener, ChangedDestinations>();
        // Kestrel makes connection handlers, and with them the pool, while it makes its own options. YARP's state wants the server (HttpSysDelegator), whose
        // options those are: asked for at once it is a circle in which the host hangs without a word. At the first dial all of it exists.
        services.AddSingleton(static services => new Lazy<IProxyStateLookup>(services.GetRequiredService<IProxyStateLookup>));
        RemoveSessionAffinity(services);
        // YARP logs each destination that goes and comes back in its own words; the dial's failures say it in Postfix's.
        services.AddLogging(static logging => logging.AddFilter("Yarp", LogLevel.Error));
        return services;
    }

    /// <summary>Lets MTAs be probed all the time, through YARP's active health checks. Behind <see cref="AddUpstream"/>.</summary>
    public static IServiceCollection AddUpstreamProbes(this IServiceCollection services)
    {
        // As above.
        services.AddSingleton(static services => new Lazy<Prober>(services.GetRequiredService<Prober>));
        services.AddSingleton<ProbeMishaps>();
        services.AddSingleton<ProbePolicy>();
        services.AddSingleton<IActiveHealthCheckPolicy>(static services => services.GetRequiredService<ProbePolicy>());
        services.Replace(ServiceDescriptor.Singleton<IProbingRequestFactory, ProbeRequest.Factory>());
        services.Replace(ServiceDescriptor.Singleton<IForwarderHttpClientFactory, ProbeHandler>());
        return services;
    }

    /// <summary>Loads the cluster, and again at each change of the options. Without this call the pool has no destinations.</summary>
    /// <remarks>YARP loads its configuration when its HTTP endpoints are mapped. There are no routes, so no HTTP endpoint comes of it.</remarks>
    public static void MapUpstream(this IEndpointRouteBuilder application) => application.MapReverseProxy(static _ => { });

    // For its session affinity, which nothing here uses, YARP makes a key ring at start: key files in the home directory, and two warnings where there is none.
    private static void RemoveSessionAffinity(IServiceCollection services)
    {
        services.RemoveAll<ISessionAffinityPolicy>();
        var hosted = services.Where(static service => service.ServiceType == typeof(IHostedService)
            && service.ImplementationType?.Assembly.GetName().Name == "Microsoft.AspNetCore.DataProtection");
        foreach (var service in hosted.ToList())
            services.Remove(service);
    }
}
