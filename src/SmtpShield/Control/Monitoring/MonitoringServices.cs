using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using SmtpShield.Hosting;
using SmtpShield.Listening;
using SmtpShield.Metrics;

namespace SmtpShield.Control.Monitoring;

/// <summary>Metrics, health and the watchdog: a part of <see cref="ControlServices"/>.</summary>
internal static class MonitoringServices
{
    /// <summary>Adds it.</summary>
    public static IServiceCollection AddMonitoring(this IServiceCollection services)
    {
        services.TryAddSingleton<ShieldMetrics>();
        services.AddSingleton<MetricsListener>();
        services.AddSingleton<IListeningSockets>(static services => services.GetRequiredService<MetricsListener>());
        services.AddHostedService(static services => services.GetRequiredService<MetricsListener>().Connections);
        services.AddSingleton<MetricsReader>();
        services.AddSingleton<MetricsApi>();
        services.AddSingleton<MeterInstruments>();
        services.AddSingleton(static services => new PoolPulse(
            services.GetRequiredService<TimeProvider>(),
            static action => ThreadPool.UnsafeQueueUserWorkItem(static action => action(), action, preferLocal: false)));
        services.AddHostedService(static services => services.GetRequiredService<PoolPulse>());
        services.AddSingleton<Health>();
        services.AddHostedService(static services => Watchdog.FromEnvironment(
            services.GetRequiredService<Health>(), services.GetRequiredService<SystemdNotifier>(), services.GetRequiredService<TimeProvider>()));
        services.AddHostedService<OtlpExport>();
        return services;
    }

    /// <summary>Makes the sockets of <c>shield_metrics_listen</c> and gives them to Kestrel.</summary>
    public static void BindMetrics(this KestrelServerOptions kestrel)
    {
        var listener = kestrel.ApplicationServices.GetRequiredService<MetricsListener>();
        foreach (var endpoint in listener.Bind())
        {
            kestrel.Listen(endpoint, options =>
            {
                options.Protocols = HttpProtocols.Http1;
                options.Use(next => connection =>
                {
                    MetricsConnection.Mark(connection);
                    return listener.Connections.ServeAsync(connection, next);
                });
            });
        }
    }

    /// <summary>Serves what comes in there, and lets nothing of it come further.</summary>
    public static void MapMetrics(this WebApplication application)
    {
        var requests = application.Services.GetRequiredService<ControlRequests>();
        application.Use(next => context => MetricsConnection.Is(context)
            ? requests.ServeAsync(context, application.Services.GetRequiredService<MetricsApi>().ServeAsync)
            : next(context));
    }
}
