using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using SmtpShield.Metrics;
using SmtpShield.Options;

namespace SmtpShield.Control.Monitoring;

/// <summary>
/// Sends the metrics by OTLP where the environment says where to, in OpenTelemetry's own variables: <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> or
/// <c>OTEL_EXPORTER_OTLP_METRICS_ENDPOINT</c>, and with them all others. Without one of the two nothing of it exists.
/// </summary>
internal sealed class OtlpExport(IServiceProvider services) : IHostedService, IDisposable
{
    private static readonly string[] _places = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"];

    private MeterProvider? _provider;

    /// <inheritdoc />
    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (!Array.Exists(_places, static name => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(name))))
            return Task.CompletedTask;

        services.GetRequiredService<MeterInstruments>();
        var resource = ResourceBuilder.CreateEmpty().AddService("smtpshield", serviceVersion: ShieldConfigurationWatcher.Version).AddTelemetrySdk()
            .AddEnvironmentVariableDetector();
        _provider = Sdk.CreateMeterProviderBuilder().SetResourceBuilder(resource).AddMeter(ShieldMetrics.MeterName).AddOtlpExporter().Build();
        return Task.CompletedTask;
    }

    /// <inheritdoc />
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc />
    public void Dispose() => _provider?.Dispose();
}
