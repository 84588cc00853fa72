using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using SmtpShield.Admission;
using SmtpShield.Bans;
using SmtpShield.Baseline;
using SmtpShield.Clients;
using SmtpShield.Control;
using SmtpShield.Hosting;
using SmtpShield.Limits;
using SmtpShield.Limits.Shared;
using SmtpShield.Listening;
using SmtpShield.Metrics;
using SmtpShield.Mta;
using SmtpShield.Mta.Reuse;
using SmtpShield.Mta.Stress;
using SmtpShield.Observe;
using SmtpShield.Options;
using SmtpShield.Session;
using SmtpShield.Shadow;
using SmtpShield.State;
using SmtpShield.Throttling;
using SmtpShield.Tls;

namespace SmtpShield;

/// <summary>What exists: every service of the shield, folder by folder.</summary>
internal static class ShieldServices
{
    /// <summary>Adds the shield, after <c>UseKestrelCore</c>.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="snapshot">The options to start with.</param>
    public static IServiceCollection AddSmtpShield(this IServiceCollection services, ShieldSnapshot snapshot)
    {
        services.AddSingleton(snapshot);
        services.AddSingleton(TimeProvider.System);
        services.AddLogging(static logging => logging
            .AddFilter("Microsoft", LogLevel.Warning)
            // A start that fails is told on standard error, once.
            .AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical)
            .AddFilter("SmtpShield", LogLevel.Information)
            .AddMaillog());
        services.AddSingleton<StateDirectory>();
        services.AddHostedService(static services => services.GetRequiredService<StateDirectory>());
        // Before whatever serves clients, so that it ends behind it: the last exchange says that no session is left.
        services.AddSingleton<SharedStores>(RedisStore.Of);
        services.AddSingleton<CounterSharing>();
        services.AddSingleton<ISharedWork>(static services => services.GetRequiredService<CounterSharing>());
        services.AddSingleton<ISharedEntries, SharedReleases>();
        services.AddSingleton<ISharedEntries, SharedExemptions>();
        services.AddSingleton<ISharedEntries, SharedDelivering>();
        services.AddSingleton<ISharedWork, EntrySharing>();
        services.AddHostedService<StoreSharing>();
        services.AddControl();
        services.AddListening();
        // What is there once for each service logs under its syslog_name.
        services.Replace(ServiceDescriptor.Scoped(typeof(ILogger<>), typeof(ServiceLogger<>)));

        services.AddSingleton<INameResolver>(static services =>
        {
            var time = services.GetRequiredService<TimeProvider>();
            return new SystemNameResolver(ResolverFiles.OfSystem(time), time);
        });
        services.AddSingleton<PeerNames>();
        services.AddSingleton<Exemptions>();
        services.AddSingleton<ExemptionFile>();
        services.AddHostedService(static services => services.GetRequiredService<ExemptionFile>());

        services.AddSingleton<OverLimit>(static services =>
        {
            var scopes = services.GetRequiredService<ServiceScopes>();
            return (string service, in AnvilCounts counts) =>
            {
                var its = scopes.Of(service);
                var isUnderStress = its.GetRequiredService<ServiceStress>().IsOn;
                return ClientLimits.IsAnyExceeded(counts, its.GetRequiredService<ShieldService>().When(isUnderStress).Limits);
            };
        });
        services.AddSingleton<AnvilStatistics>();
        services.AddSingleton<AnvilTable>();
        services.AddSingleton<IHandedOver, CountsHandOver>();
        services.AddSingleton<IHandedOver, PastHandOver>();
        services.AddHostedService<DeliveringFile>();
        services.AddSingleton<Baselines>();
        services.AddHostedService<BaselineFile>();
        services.AddSingleton<LogThrottle>();
        services.AddHostedService<LogSummaries>();
        services.AddSingleton<AnvilSweeper>();
        services.AddHostedService(static services => services.GetRequiredService<AnvilSweeper>());
        services.AddHostedService<AnvilStatusUpdate>();

        services.AddBans();

        services.TryAddSingleton<ShieldMetrics>();
        services.AddScoped(static scope => scope.GetRequiredService<ShieldMetrics>().OfService(scope.GetRequiredService<ShieldService>().Name));

        services.AddScoped<ShadowBook>();
        services.AddSingleton<ShadowBookOf>(static services =>
        {
            var scopes = services.GetRequiredService<ServiceScopes>();
            return service => scopes.Of(service).GetRequiredService<ShadowBook>();
        });
        services.AddSingleton<ShadowFile>();
        services.AddHostedService(static services => services.GetRequiredService<ShadowFile>());

        services.AddScoped<CertificateStore>();
        services.AddScoped<TlsServer>();
        services.AddSingleton<TlsClient>();
        services.AddHostedService<CertificateStart>();

        services.AddUpstream();
        services.AddHostedService<StressClock>();
        services.AddHostedService<LeaveOnShutdown>();

        services.AddScoped<NewTlsSessions>();
        services.AddScoped<HandshakesInVain>();
        services.AddScoped<AdmitHandshake>();
        services.AddScoped<ClientHandshake>();
        services.AddSingleton<OpenSessions>();
        services.AddSingleton<IOpenSessions>(static services => services.GetRequiredService<OpenSessions>());
        services.AddSingleton<RemovedEhloKeywords>();
        services.AddSingleton<LenientMtas>();
        services.AddScoped<MtaPressure>();
        services.AddScoped<IStressSource>(static services => services.GetRequiredService<MtaPressure>());
        services.AddScoped<LateDialing>();
        services.AddScoped<SmtpSessionHandler>();
        return services;
    }
}
