using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using SmtpShield.Hosting;
using SmtpShield.Listening;
using SmtpShield.Options;

namespace SmtpShield.FunctionalTests.Listening;

/// <summary>Kestrel with the shield's listening around it and a pipeline of the test's own.</summary>
internal sealed class ListeningHost : IAsyncDisposable
{
    private readonly WebApplication _application;

    private ListeningHost(WebApplication application) => _application = application;

    public ShieldSnapshot Snapshot => _application.Services.GetRequiredService<ShieldSnapshot>();

    public ConnectionDrain Drain => _application.Services.GetRequiredService<ConnectionDrain>();

    public ProcessLimit Limit => _application.Services.GetRequiredService<ServiceScopes>().Of(ServiceOptions.DefaultName).GetRequiredService<ProcessLimit>();

    public IReadOnlyList<IPEndPoint> EndPoints =>
        [.. _application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses
            .Where(a => !a.StartsWith("http://unix:", StringComparison.Ordinal)).Select(a => IPEndPoint.Parse(new Uri(a).Authority))];

    public static ListenerOptions Loopback(int limit) => new() { Endpoints = [new IPEndPoint(IPAddress.Loopback, 0)], DefaultProcessLimit = limit };

    public static Task<ListeningHost> StartAsync(ListenerOptions options, ConnectionDelegate session, CancellationToken cancellationToken) =>
        StartAsync(options, session, static _ => { }, static _ => { }, cancellationToken);

    /// <summary>With end points that are not the shield's.</summary>
    /// <param name="options">The shield's end points.</param>
    /// <param name="session">What happens to a connection there.</param>
    /// <param name="others">Adds the other end points.</param>
    /// <param name="application">What is said to HTTP requests there.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    public static async Task<ListeningHost> StartAsync(
        ListenerOptions options, ConnectionDelegate session, Action<KestrelServerOptions> others, Action<IApplicationBuilder> application,
        CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton(new ShieldSnapshot(new ShieldOptions { Listener = options }));
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            EndpointBinder.Bind(kestrel, connection => connection.Use(_ => session));
            others(kestrel);
        });
        builder.Services.AddListening();
        builder.Services.AddSingleton<IOpenSessions, NoSessions>();
        var host = new ListeningHost(builder.Build());
        application(host._application);
        try
        {
            await host._application.StartAsync(cancellationToken);
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => _application.StopAsync(cancellationToken);

    public ValueTask DisposeAsync() => _application.DisposeAsync();

    private sealed class NoSessions : IOpenSessions
    {
        public int Shed(long octets, bool isUrgent) => 0;

        public int MakeRoom(string service, int atMost) => 0;
    }
}
