using Microsoft.Extensions.DependencyInjection;
using SmtpShield.Admission;
using SmtpShield.Shadow;

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
        services.AddHostedService<BanClock>();
        services.AddSingleton<BannedSessions>();
        services.AddSingleton<Dismissal>(static services => services.GetRequiredService<BannedSessions>().Dismiss);
        return services;
    }
}
