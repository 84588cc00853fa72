using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using SmtpShield.Control.Admin;
using SmtpShield.Control.Banning;
using SmtpShield.Control.Changes;
using SmtpShield.Control.Clients;
using SmtpShield.Control.Events;
using SmtpShield.Control.Exempt;
using SmtpShield.Control.InShadow;
using SmtpShield.Control.Monitoring;
using SmtpShield.Control.Series;
using SmtpShield.Control.Status;
using SmtpShield.Control.Suggestions;
using SmtpShield.Control.Tuning;
using SmtpShield.Control.Upgrading;
using SmtpShield.Control.Upstreams;
using SmtpShield.Listening;
using SmtpShield.Options;

namespace SmtpShield.Control;

/// <summary>
/// What the host calls: <see cref="AddControl"/> on its services, <see cref="BindControl"/> on Kestrel, <see cref="MapControl"/> on the application. Without
/// <c>shield_control_socket</c>, <c>shield_admin_listen</c> and <c>shield_metrics_listen</c> nothing listens and nothing is mapped.
/// </summary>
internal static class ControlServices
{
    private const int MaxHeaders = 8 << 10;
    private static readonly TimeSpan HeadersTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan IdleTimeout = TimeSpan.FromSeconds(5);

    /// <summary>Adds it, before <c>AddListening</c>: so it is told of the stop behind the drain, which may be looked at.</summary>
    public static IServiceCollection AddControl(this IServiceCollection services)
    {
        services.AddSingleton<ControlSocket>();
        services.AddSingleton<IListeningSockets>(static services => services.GetRequiredService<ControlSocket>());
        services.AddSingleton<ControlConnections>();
        services.AddHostedService(static services => services.GetRequiredService<ControlConnections>());
        services.AddSingleton<ControlRequests>();
        services.AddSingleton<RecentReplies>();
        services.AddHostedService(static services => services.GetRequiredService<RecentReplies>());
        services.AddSingleton<IUpstreamControl, PoolUpstreams>();
        services.AddSingleton<UpstreamApi>();
        services.AddSingleton<RecentRates>();
        services.AddHostedService(static services => services.GetRequiredService<RecentRates>());
        services.AddSingleton<StatusApi>();
        services.AddSingleton<ControlAudit>();
        services.AddSingleton<ClientRules>();
        services.AddSingleton<ClientTop>();
        services.AddSingleton<LimitedClients>();
        services.AddSingleton<ClientReports>();
        services.AddSingleton<ClientRelease>();
        services.AddSingleton<ClientsApi>();
        services.AddSingleton<ExemptionsApi>();
        services.AddSingleton<EventStream>();
        services.AddHostedService(static services => services.GetRequiredService<EventStream>());
        services.AddSingleton<EventsApi>();
        services.AddSingleton<ClientEventFeed>();
        services.AddSingleton<BanFeed>();
        services.AddSingleton<LogTail>();
        services.AddSingleton<ILoggerProvider>(static services => services.GetRequiredService<LogTail>());
        services.AddSingleton<SeriesStore>();
        services.AddSingleton<SeriesApi>();
        services.AddHostedService<EverySecond>();
        services.AddSingleton<BanOrders>();
        services.AddSingleton<BansApi>();
        services.AddSingleton<KernelDrops>();
        services.AddSingleton<FirewallHelper>();
        services.AddSingleton<FirewallApi>();
        services.AddSingleton<ShadowApi>();
        services.AddSingleton<ClientsInShadow>();
        services.AddSingleton<SuggestApi>();
        services.AddAdmin();
        services.AddMonitoring();
        services.AddOptions<SocketTransportOptions>().Configure<ControlSocket, AdminListener, MetricsListener>(static (transport, control, admin, metrics) =>
        {
            transport.Backlog = ControlSocket.Backlog;
            transport.CreateBoundListenSocket = endpoint => endpoint is UnixDomainSocketEndPoint
                ? control.Socket : admin.SocketAt(endpoint) ?? metrics.SocketAt(endpoint);
        });
        return services;
    }

    /// <summary>Makes the sockets and gives them to Kestrel. Where one can't be made the log says so, and all else starts.</summary>
    /// <param name="kestrel">With its services.</param>
    public static void BindControl(this KestrelServerOptions kestrel)
    {
        // Of all end points; those of services speak no HTTP.
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestHeadersTotalSize = MaxHeaders;
        kestrel.Limits.MaxRequestLineSize = MaxHeaders;
        kestrel.Limits.MaxRequestBodySize = ControlRequests.MaxBody;
        kestrel.Limits.RequestHeadersTimeout = HeadersTimeout;
        kestrel.Limits.KeepAliveTimeout = IdleTimeout;

        kestrel.BindMetrics();
        kestrel.BindAdmin();
        var socket = kestrel.ApplicationServices.GetRequiredService<ControlSocket>();
        if (!socket.TryListen())
            return;

        var connections = kestrel.ApplicationServices.GetRequiredService<ControlConnections>();
        kestrel.ListenUnixSocket(socket.Path, options =>
        {
            options.Protocols = HttpProtocols.Http1;
            options.Use(next => connection => connections.ServeAsync(connection, next));
        });
    }

    /// <summary>Adds the API's paths.</summary>
    public static void MapControl(this WebApplication application)
    {
        application.MapMetrics();
        if (!application.Services.GetRequiredService<ShieldSnapshot>().Current.Control.IsAsked)
            return;

        var requests = application.Services.GetRequiredService<ControlRequests>();
        application.Use(next => context => requests.ServeAsync(context, next));
        application.GuardAdmin();
        application.Services.GetRequiredService<StatusApi>().Map(application);
        application.Services.GetRequiredService<UpstreamApi>().Map(application);
        application.Services.GetRequiredService<ClientsApi>().Map(application);
        application.Services.GetRequiredService<ExemptionsApi>().Map(application);
        application.Services.GetRequiredService<BansApi>().Map(application);
        application.Services.GetRequiredService<FirewallApi>().Map(application);
        application.Services.GetRequiredService<ShadowApi>().Map(application);
        application.Services.GetRequiredService<SuggestApi>().Map(application);
        application.Services.GetRequiredService<ControlAudit>().Map(application);
        application.Services.GetRequiredService<EventsApi>().Map(application);
        application.Services.GetRequiredService<AdminApi>().Map(application);
        application.Services.GetRequiredService<SeriesApi>().Map(application);
        application.Services.GetService<ParametersApi>()?.Map(application);
        application.Services.GetService<ReloadApi>()?.Map(application);
        application.Services.GetService<UpgradeApi>()?.Map(application);
    }
}
