using System.Buffers;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using SmtpShield.Hosting;
using SmtpShield.Options;

namespace SmtpShield.Listening;

/// <summary>What listening needs.</summary>
internal static class ListeningServices
{
    /// <summary>
    /// Adds it, after <c>UseKestrelCore</c>: of the transports that can bind an end point Kestrel takes the one registered last, so ours has the end points of
    /// services and Kestrel's own all others. Needs a <see cref="Options.ShieldSnapshot"/> among the services.
    /// </summary>
    public static IServiceCollection AddListening(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(static _ => ProcessResources.OfThisProcess());
        services.TryAddSingleton<IHeap, ManagedHeap>();
        services.AddSingleton<SessionCapacity>();
        services.AddSingleton<ConnectionRoom>();
        services.AddSingleton<AcceptLoops>();
        services.TryAddSingleton<InheritedSockets>();
        services.AddSingleton<ListenSockets>();
        services.AddSingleton<IListeningSockets>(static services => services.GetRequiredService<ListenSockets>());
        services.TryAddSingleton(ArrayPool<byte>.Shared);
        services.TryAddSingleton(static services => Transports.Make(
            services.GetRequiredService<ShieldSnapshot>().Current.Listener.Transport,
            services.GetRequiredService<ArrayPool<byte>>(),
            services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(Transports))));
        services.AddSingleton<ServiceScopes>();
        services.AddScoped<ServiceScopes.Holder>();
        services.AddScoped(static scope => scope.GetRequiredService<ServiceScopes.Holder>().Service
            ?? throw new InvalidOperationException("Only the scope of a service has one."));
        services.AddScoped<ProcessLimit>();
        services.AddScoped<IStressSource>(static services => services.GetRequiredService<ProcessLimit>());
        services.AddScoped<ServiceStress>();
        services.AddSingleton<ConnectionDrain>();
        services.AddSingleton<IConnectionListenerFactory, ProcessLimitListenerFactory>();

        services.AddHostedService<MemoryTrim>();
        services.AddHostedService<MemoryGuard>();
        services.AddHostedService<DrainOnShutdown>();
        // Stopped in reverse: systemd hears of the stop before the drain, not after it.
        services.TryAddSingleton(static provider => SystemdNotifier.FromEnvironment(provider.GetRequiredService<TimeProvider>()));
        services.AddHostedService(static provider => provider.GetRequiredService<SystemdNotifier>());
        return services;
    }
}
