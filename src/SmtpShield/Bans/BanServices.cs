using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using SmtpShield.Admission;
using SmtpShield.Limits.Shared;
using SmtpShield.Options;
using SmtpShield.Shadow;
using SmtpShield.State;

namespace SmtpShield.Bans;

/// <summary>What there is of bans.</summary>
internal static class BanServices
{
    /// <summary>Adds it.</summary>
    public static IServiceCollection AddBans(this IServiceCollection services)
    {
        services.AddSingleton<BanTable>();
        services.AddSingleton<MtaLook>();
        services.AddSingleton<MtaTrouble>(static services => services.GetRequiredService<MtaLook>().TroubleAt);
        services.AddSingleton<MtaAddresses>(static services => services.GetRequiredService<MtaLook>().AddressesOf);
        services.AddSingleton<NeverBanned>();
        services.AddSingleton<BanBrakes>();
        services.AddSingleton<AutomaticBans>();
        services.AddSingleton<ShadowBans>();
        services.AddSingleton<IBansInShadow>(static services => services.GetRequiredService<ShadowBans>());
        services.AddSingleton<BanLog>();
        services.AddSingleton<BanFile>();
        services.AddHostedService(static services => services.GetRequiredService<BanFile>());
        // AddHostedService would take the second one of a type for the first.
        services.AddSingleton<IHostedService>(static services => BanFile.OfShadow(
            services.GetRequiredService<ShadowBans>(), services.GetRequiredService<StateDirectory>(), services.GetRequiredService<ShieldSnapshot>(),
            services.GetRequiredService<TimeProvider>()));
        services.AddHostedService<BanClock>();
        services.AddSingleton<ISharedEntries, BanEntries>();
        services.AddSingleton<BannedSessions>();
        services.AddSingleton<Dismissal>(static services => services.GetRequiredService<BannedSessions>().Dismiss);
        return services;
    }
}
