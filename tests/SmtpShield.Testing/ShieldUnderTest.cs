using System.Buffers;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Bans;
using SmtpShield.Baseline;
using SmtpShield.Clients;
using SmtpShield.Control.Events;
using SmtpShield.Control.Tuning;
using SmtpShield.Host;
using SmtpShield.Hosting;
using SmtpShield.Limits;
using SmtpShield.Listening;
using SmtpShield.Metrics;
using SmtpShield.Mta;
using SmtpShield.Options;
using SmtpShield.Session;
using SmtpShield.Shadow;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.Testing;

/// <summary>The whole shield in this process, as the program hosts it, on a free loopback port. Log lines are kept instead of written.</summary>
internal sealed class ShieldUnderTest : IAsyncDisposable
{
    /// <summary>Octets its heap may grow to.</summary>
    public const long Memory = 64L << 30;

    // Plenty, whatever this machine has: the number of sessions that fit is not what most tests are about, and a lowered one is a line in the log.
    private static readonly ProcessResources s_resources = new(Descriptors: 1_000_000, DescriptorsOpen: 200, Memory);

    private readonly WebApplication _application;

    private ShieldUnderTest(WebApplication application, FakeLogCollector log)
    {
        _application = application;
        Log = log;
    }

    /// <summary>Where clients connect.</summary>
    public IPEndPoint EndPoint { get; private set; } = new(0, 0);

    /// <summary>Where clients of a service connect, in tests whose services have one end point each.</summary>
    public IPEndPoint EndPointOf(string service) => EndPoints.ElementAt(Snapshot.Current.Service.Names.ToList().IndexOf(service));

    /// <summary>The shield's log.</summary>
    public FakeLogCollector Log { get; }

    /// <summary>The options in force.</summary>
    public ShieldSnapshot Snapshot => Get<ShieldSnapshot>();

    /// <summary>Connections that are left, and how they are told to end.</summary>
    public ConnectionDrain Drain => Get<ConnectionDrain>();

    /// <summary>The sessions there are.</summary>
    public OpenSessions Sessions => Get<OpenSessions>();

    /// <summary>What the shield has counted of clients.</summary>
    public AnvilTable Anvil => Get<AnvilTable>();

    /// <summary>What the shield counts.</summary>
    public ShieldMetrics Metrics => Get<ShieldMetrics>();

    /// <summary>What those who watch are told.</summary>
    public EventStream Events => Get<EventStream>();

    /// <summary>Who is banned.</summary>
    public BanTable Bans => Get<BanTable>();

    /// <summary>What clients were seen to do.</summary>
    public Baselines Baselines => Get<Baselines>();

    /// <summary>What limits in shadow would have done at a service.</summary>
    public ShadowBook ShadowOf(string service) => Get<ServiceScopes>().Of(service).GetRequiredService<ShadowBook>();

    /// <summary>The paths of its API.</summary>
    public IEnumerable<Endpoint> Endpoints => ((IEndpointRouteBuilder)_application).DataSources.SelectMany(static source => source.Endpoints);

    /// <summary>The MTAs as the shield sees them.</summary>
    public UpstreamPool Upstreams => Get<UpstreamPool>();

    /// <summary>The MTAs as operators see them.</summary>
    public UpstreamMaintenance Maintenance => Get<UpstreamMaintenance>();

    /// <summary>Sessions the first MTA sees now.</summary>
    public int SessionsAtTheMta => Maintenance.SessionsAt(Upstreams.DestinationsOf(ServiceOptions.DefaultName).First());

    /// <summary>Options with nothing but these MTAs set: <c>mail.example.com</c> before them, no rate limits, no exempt clients, all of the log.</summary>
    public static ShieldOptions Before(params ScriptedMta[] mtas) => new()
    {
        Smtpd = new() { MyHostname = "mail.example.com" },
        Listener = new() { Endpoints = [new(IPAddress.Loopback, 0)] },
        Log = new() { ClientLimit = 0 },
        Upstream = new()
        {
            Destinations = [.. mtas.Select(static mta => new UpstreamAddress(mta.EndPoint.Address.ToString(), mta.EndPoint.Port))],
            // All clients of a test have one address, which would have to share.
            SessionLimit = 0,
        },
    };

    /// <summary>Starts it, with <see cref="CheckedBuffers.OfShields"/>.</summary>
    /// <param name="options">
    /// Options; endpoints with port 0. The transport is what they say, or with <see cref="TransportChoice.Auto"/> what the environment says
    /// (<see cref="TestTransport"/>).
    /// </param>
    /// <param name="cancellationToken">Ends the start.</param>
    /// <param name="time">The clock of all waits; null for the real one.</param>
    /// <param name="resolver">The name service; null for the system's.</param>
    /// <param name="configureLogging">Where else log lines go, and which; null for nowhere else.</param>
    /// <param name="heap">The memory in use; null for this process's, which is far from <see cref="Memory"/>.</param>
    /// <param name="resources">What the process has; null for plenty.</param>
    /// <param name="configuration">Where the options are from, to be watched and tuned; null: from nowhere.</param>
    /// <param name="hasProbes">Whether MTAs are probed, as by the command run.</param>
    public static async Task<ShieldUnderTest> StartAsync(
        ShieldOptions options,
        CancellationToken cancellationToken,
        TimeProvider? time = null,
        INameResolver? resolver = null,
        Action<ILoggingBuilder>? configureLogging = null,
        IHeap? heap = null,
        ProcessResources? resources = null,
        ShieldConfiguration? configuration = null,
        bool hasProbes = false)
    {
        var log = new FakeLogCollector();
        var transport = options.Listener.Transport is TransportChoice.Auto ? TestTransport.Choice : options.Listener.Transport;
        var shield = new ShieldUnderTest(
            ShieldHost.Build(
                new(options with { Listener = options.Listener with { Transport = transport } }),
                services =>
                    With(Probing(Watching(services, configuration), hasProbes), resolver, heap).AddSingleton(resources ?? s_resources)
                        .AddSingleton(time ?? TimeProvider.System).AddSingleton<ArrayPool<byte>>(CheckedBuffers.OfShields).AddLogging(logging =>
                    {
                        logging.ClearProviders().AddProvider(new FakeLoggerProvider(log));
                        configureLogging?.Invoke(logging);
                    })),
            log);
        try
        {
            await shield._application.StartAsync(cancellationToken);
            shield.EndPoint = shield.EndPoints.First();
            return shield;
        }
        catch
        {
            await shield.DisposeAsync();
            throw;
        }
    }

    /// <summary>A client on loopback.</summary>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <param name="read">Whether it reads from the start.</param>
    public Task<RawSmtpClient> ConnectAsync(CancellationToken cancellationToken, bool read = true) =>
        RawSmtpClient.ConnectAsync(EndPoint, IPAddress.Loopback, cancellationToken, read);

    /// <summary>Connections counted for the loopback client.</summary>
    public int CountedConnections => CountedConnectionsOf(IPAddress.Loopback);

    /// <summary>Connections counted for a client.</summary>
    public int CountedConnectionsOf(IPAddress client) =>
        Anvil.Peek(new(ServiceOptions.DefaultName, ClientRange.Of(client, 32, 128))).ConnectionCount;

    /// <summary>Stops it as SIGTERM does.</summary>
    public Task StopAsync(CancellationToken cancellationToken) => _application.StopAsync(cancellationToken);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _application.DisposeAsync();

    // In the order they were bound in.
    private IEnumerable<IPEndPoint> EndPoints =>
        Get<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Where(address => !address.StartsWith("http://unix:", StringComparison.Ordinal))
            .Select(address => IPEndPoint.Parse(new Uri(address).Authority));

    private static IServiceCollection With(IServiceCollection services, INameResolver? resolver, IHeap? heap) => With(With(services, resolver), heap);

    // As the command run does.
    private static IServiceCollection Watching(IServiceCollection services, ShieldConfiguration? configuration) => configuration is null ? services : services
        .AddSingleton(configuration)
        .AddSingleton<ShieldConfigurationWatcher>()
        .AddHostedService(static provider => provider.GetRequiredService<ShieldConfigurationWatcher>())
        .AddTuning();

    private static IServiceCollection Probing(IServiceCollection services, bool hasProbes) => hasProbes ? services.AddUpstreamProbes() : services;

    private static IServiceCollection With<T>(IServiceCollection services, T? instance) where T : class =>
        instance is null ? services : services.AddSingleton(instance);

    private T Get<T>() where T : notnull => _application.Services.GetRequiredService<T>();
}
