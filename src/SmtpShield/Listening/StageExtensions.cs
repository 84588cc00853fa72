using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;

namespace SmtpShield.Listening;

/// <summary>Puts stages on a connection's path.</summary>
internal static class StageExtensions
{
    /// <summary>
    /// Adds a stage: what is registered under its type, or an instance made with its dependencies for this path, of which each service of
    /// <c>shield_services</c> has one.
    /// </summary>
    public static IConnectionBuilder UseStage<TStage>(this IConnectionBuilder connection) where TStage : class, IConnectionStage
    {
        var stage = ActivatorUtilities.GetServiceOrCreateInstance<TStage>(connection.ApplicationServices);
        return connection.Use(next => context => stage.InvokeAsync(context, next));
    }
}
