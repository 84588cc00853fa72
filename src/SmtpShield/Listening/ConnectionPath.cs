using System.Diagnostics.CodeAnalysis;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;

namespace SmtpShield.Listening;

/// <summary>
/// Stages in the order in which a connection passes them, each given what the one before it has found out. A stage is what is registered under its type, or an
/// instance made with its dependencies for this path, of which each service of <c>shield_services</c> has one.
/// </summary>
/// <typeparam name="TConnection">What is known of a connection behind the stages so far.</typeparam>
internal sealed class ConnectionPath<TConnection>
{
    private readonly IConnectionBuilder _builder;
    private readonly Func<Func<TConnection, Task>, ConnectionDelegate> _begin;

    /// <summary>A path with what there is so far.</summary>
    /// <param name="builder">Where it goes when it is complete.</param>
    /// <param name="begin">Its beginning, made of the rest.</param>
    internal ConnectionPath(IConnectionBuilder builder, Func<Func<TConnection, Task>, ConnectionDelegate> begin)
    {
        _builder = builder;
        _begin = begin;
    }

    /// <summary>Adds a stage that finds something out.</summary>
    public ConnectionPath<TNext> Then<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TStage, TNext>()
        where TStage : class, IConnectionStage<TConnection, TNext>
    {
        var stage = ActivatorUtilities.GetServiceOrCreateInstance<TStage>(_builder.ApplicationServices);
        return new(_builder, next => _begin(connection => stage.InvokeAsync(connection, next)));
    }

    /// <summary>Adds a stage that lets connections pass, or does not.</summary>
    public ConnectionPath<TConnection> Then<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TStage>()
        where TStage : class, IConnectionStage<TConnection> => Then<TStage, TConnection>();

    /// <summary>Completes the path with who serves the connection.</summary>
    public void End<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>()
        where THandler : class, IConnectionHandler<TConnection>
    {
        var handler = ActivatorUtilities.GetServiceOrCreateInstance<THandler>(_builder.ApplicationServices);
        _builder.Use(_ => _begin(handler.OnConnectedAsync));
    }
}

/// <summary>Where a path begins.</summary>
internal static class ConnectionPath
{
    /// <summary>Begins with the connection as it was accepted. The path must be ended.</summary>
    public static ConnectionPath<ConnectionContext> Begin(this IConnectionBuilder connection) => new(connection, static next => new(next));
}
