using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using SmtpShield.Listening;

namespace SmtpShield.Control.Admin;

/// <summary>The API over TCP, for users who log in: a part of <see cref="ControlServices"/>.</summary>
internal static class AdminServices
{
    private static readonly TimeSpan HandshakeTimeout = TimeSpan.FromSeconds(5);

    /// <summary>Adds it.</summary>
    public static IServiceCollection AddAdmin(this IServiceCollection services)
    {
        services.AddSingleton<AdminUsers>();
        services.AddSingleton<AdminSessions>();
        services.AddSingleton<LoginLimit>();
        services.AddSingleton<AdminGuard>();
        services.AddSingleton(static _ => new PasswordCheck());
        services.AddSingleton<AdminApi>();
        services.AddSingleton<AdminCertificate>();
        services.AddSingleton<AdminListener>();
        services.AddSingleton<IListeningSockets>(static services => services.GetRequiredService<AdminListener>());
        services.AddHostedService(static services => services.GetRequiredService<AdminListener>().Connections);
        return services;
    }

    /// <summary>Makes the sockets of <c>shield_admin_listen</c> and gives them to Kestrel.</summary>
    public static void BindAdmin(this KestrelServerOptions kestrel)
    {
        var listener = kestrel.ApplicationServices.GetRequiredService<AdminListener>();
        var certificate = kestrel.ApplicationServices.GetRequiredService<AdminCertificate>();
        foreach (var endpoint in listener.Bind())
        {
            kestrel.Listen(endpoint, options =>
            {
                options.Protocols = HttpProtocols.Http1;
                options.Use(next => connection =>
                {
                    AdminConnection.Mark(connection);
                    return listener.Connections.ServeAsync(connection, next);
                });
                if (listener.IsTls)
                {
                    options.UseHttps(new TlsHandshakeCallbackOptions
                    {
                        OnConnection = _ => ValueTask.FromResult(certificate.ForHandshake()),
                        HandshakeTimeout = HandshakeTimeout,
                    });
                }
            });
        }
    }

    /// <summary>Lets nobody through who has not shown who he is.</summary>
    public static void GuardAdmin(this WebApplication application)
    {
        var guard = application.Services.GetRequiredService<AdminGuard>();
        application.Use(next => context => AdminConnection.Is(context) ? guard.ServeAsync(context, next) : next(context));
    }
}
