using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;

namespace SmtpShield.Listening;

/// <summary>Puts stages on a connection's path.</summary>
internal static class StageExtensions
{
    /// <summary>Adds a stage: the registered service if there is one, else an instance made for this endpoint with its dependencies.</summary>
    public static IConnectionBuilder UseStage<TStage>(this IConnectionBuilder connection) where TStage : class, IConnectionStage
    {
        var stage = ActivatorUtilities.GetServiceOrCreateInstance<TStage>(connection.ApplicationServices);
        return connection.Use(next => context => stage.InvokeAsync(context, next));
    }
}
