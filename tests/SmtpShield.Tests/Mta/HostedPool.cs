using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Limits.Shared;
using SmtpShield.Mta;
using SmtpShield.Mta.Learned;
using SmtpShield.Mta.Probing;
using SmtpShield.Options;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Mta;

/// <summary>The pool as it is hosted, YARP and Polly included, on a scripted network and a clock that stands still.</summary>
internal sealed class HostedPool : IAsyncDisposable
{
    private readonly WebApplication _application;

    private HostedPool(ShieldOptions options, bool hasProbes, Action<ScriptedTransport>? script, Action<IServiceCollection>? configure)
    {
        script?.Invoke(Network);
        Snapshot = new ShieldSnapshot(options);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders().AddProvider(new FakeLoggerProvider(Log));
        builder.Services.AddSingleton(Snapshot).AddSingleton<TimeProvider>(Time).AddSingleton<IUpstreamTransport>(Network).AddUpstream();
        if (hasProbes)
            builder.Services.AddUpstreamProbes();
        configure?.Invoke(builder.Services);
        _application = builder.Build();
        _application.MapUpstream();
        Pool = _application.Services.GetRequiredService<UpstreamPool>();
        Maintenance = _application.Services.GetRequiredService<UpstreamMaintenance>();
    }

    public ScriptedTransport Network { get; } = new();

    public FakeTimeProvider Time { get; } = new();

    public FakeLogCollector Log { get; } = new();

    public ShieldSnapshot Snapshot { get; }

    public UpstreamPool Pool { get; }

    public UpstreamMaintenance Maintenance { get; }

    public ShieldFarm Farm => _application.Services.GetRequiredService<ShieldFarm>();

    public LearnedMtas Learned => _application.Services.GetRequiredService<LearnedMtas>();

    /// <param name="options">The options.</param>
    /// <param name="hasProbes">Whether MTAs are probed, from the first moment on.</param>
    /// <param name="script">Sets up the network before that.</param>
    /// <param name="configure">What else is hosted, or in place of what.</param>
    public static HostedPool Start(
        ShieldOptions options, bool hasProbes = false, Action<ScriptedTransport>? script = null, Action<IServiceCollection>? configure = null) =>
        new(options, hasProbes, script, configure);

    /// <summary>For a client 198.51.100.7:40000 that connected to 203.0.113.1:25.</summary>
    public ValueTask<UpstreamDialResult> DialAsync(
        CancellationToken cancellationToken,
        string service = ServiceOptions.DefaultName,
        string client = "198.51.100.7",
        Action? wake = null,
        CancellationTokenSource? gone = null,
        string? hello = null,
        bool mayReuse = false) => Pool.DialAsync(
            service,
            Snapshot.Current.Of(service),
            new UpstreamClient(new(new(IPAddress.Parse(client), 40000), "mx.example.com"), new(IPAddress.Parse("203.0.113.1"), 25))
            {
                Hello = System.Text.Encoding.Latin1.GetBytes(hello ?? ""),
                MayReuse = mayReuse,
            },
            wake ?? (static () => { }),
            gone?.Token ?? CancellationToken.None,
            cancellationToken);

    public ValueTask<UpstreamProbe> ProbeAsync(string destination, CancellationToken cancellationToken) =>
        _application.Services.GetRequiredService<Prober>().ProbeAsync(
            new(ServiceOptions.DefaultName, Snapshot), destination, client: null, relaysTo: null, cancellationToken);

    public ValueTask DisposeAsync() => _application.DisposeAsync();
}
