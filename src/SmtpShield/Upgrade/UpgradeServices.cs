using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using SmtpShield.Hosting;
using SmtpShield.Listening;

namespace SmtpShield.Upgrade;

/// <summary>What it takes to hand over to a new process, and to take over from an old one.</summary>
internal static class UpgradeServices
{
    /// <summary>Adds it, behind what starts before the first client is accepted.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="program">What a successor is.</param>
    /// <param name="sockets">The listening sockets this process was given.</param>
    /// <param name="predecessor">Who has given them, if it was a shield.</param>
    public static IServiceCollection AddUpgrade(
        this IServiceCollection services, SuccessorProgram program, InheritedSockets sockets, Predecessor? predecessor)
    {
        services.AddSingleton(program);
        services.AddSingleton(sockets);
        services.Replace(ServiceDescriptor.Singleton(provider =>
            SystemdNotifier.FromEnvironment(provider.GetRequiredService<TimeProvider>(), isMain: predecessor is null)));
        services.AddSingleton<HandOver>();
        if (predecessor is null)
            return services;
        services.AddSingleton(predecessor);
        services.AddSingleton(predecessor.State);
        return services.AddHostedService<TakeOver>();
    }
}
