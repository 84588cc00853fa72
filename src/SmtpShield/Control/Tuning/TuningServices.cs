using Microsoft.Extensions.DependencyInjection;

namespace SmtpShield.Control.Tuning;

/// <summary>Setting parameters on the running shield: where there is a configuration that is watched, which what only has options has not.</summary>
internal static class TuningServices
{
    /// <summary>Adds it.</summary>
    public static IServiceCollection AddTuning(this IServiceCollection services) => services
        .AddSingleton<LimitHitsLately>()
        .AddSingleton<Overrides>()
        .AddHostedService(static services => services.GetRequiredService<Overrides>())
        .AddSingleton<OverNow>()
        .AddSingleton<SessionsOver>()
        .AddSingleton<ParametersApi>()
        .AddSingleton<ReloadApi>();
}
