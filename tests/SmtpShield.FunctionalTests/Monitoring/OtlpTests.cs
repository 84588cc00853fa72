using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SmtpShield.Metrics;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Monitoring;

/// <summary>The metrics as a collector of OTLP in this process gets them, read by the wire format alone.</summary>
[NonParallelizable, CancelAfter(60_000), Property("Operations", "OPS-36")]
internal sealed class OtlpTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);
    private static readonly string[] s_variables = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_METRIC_EXPORT_INTERVAL"];

    [TearDown]
    public void ForgetCollector()
    {
        foreach (var variable in s_variables)
            Environment.SetEnvironmentVariable(variable, null);
    }

    [Test]
    public async Task Export_OfASession_HasTheNamesOfTheText(CancellationToken cancellationToken)
    {
        var received = new ConcurrentQueue<byte[]>();
        await using var collector = await CollectAsync(received, cancellationToken);
        Environment.SetEnvironmentVariable(s_variables[0], collector.Urls.Single());
        Environment.SetEnvironmentVariable(s_variables[1], "http/protobuf");
        Environment.SetEnvironmentVariable(s_variables[2], "200");
        await using var mta = new ScriptedMta();
        await using var shield = await ShieldUnderTest.StartAsync(ShieldUnderTest.Before(mta), cancellationToken);
        await using (var client = await shield.ConnectAsync(cancellationToken))
        {
            await (await mta.AcceptAsync(cancellationToken)).SendAsync("220 mx\r\n", cancellationToken);
            await client.ReplyAsync(cancellationToken);
        }

        // Histograms come once something was noted; of messages there is none, nor of stores.
        var expected = MetricCatalog.All.Except([MetricCatalog.MessageSize, MetricCatalog.CertificateExpiry, MetricCatalog.UpstreamSessionLimit,
            MetricCatalog.LogLines, MetricCatalog.LogLinesLost, MetricCatalog.EventLogLinesLost, MetricCatalog.ConfigReloads, MetricCatalog.ConfigValid,
            MetricCatalog.OverrideActive, MetricCatalog.OverrideEnd, MetricCatalog.SharedBacklog, MetricCatalog.SharedAnswerAge])
            .Select(static metric => $"{metric.DottedName} {metric.UnitCode}").Order(StringComparer.Ordinal).ToList();
        var got = new SortedSet<string>(StringComparer.Ordinal);
        await Eventually.TryAsync(() =>
        {
            while (received.TryDequeue(out var body))
                got.UnionWith(NamesIn(body));
            return got.IsSupersetOf(expected);
        }, s_limit, cancellationToken);
        Assert.That(got, Is.EqualTo(expected));
    }

    private static async Task<WebApplication> CollectAsync(ConcurrentQueue<byte[]> received, CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(static kestrel =>
            kestrel.Listen(IPAddress.Loopback, 0, static listen => listen.Protocols = HttpProtocols.Http1));
        builder.Logging.ClearProviders();
        var collector = builder.Build();
        collector.Run(async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body, context.RequestAborted);
            if (context.Request.Path == "/v1/metrics")
                received.Enqueue(body.ToArray());
        });
        await collector.StartAsync(cancellationToken);
        return collector;
    }

    // ExportMetricsServiceRequest { ResourceMetrics 1 { ScopeMetrics 2 { Metric 2 { string name 1, unit 3 } } } }
    private static IEnumerable<string> NamesIn(byte[] request) =>
        from resource in Fields(request, 1)
        from scope in Fields(resource, 2)
        from metric in Fields(scope, 2)
        select $"{Encoding.UTF8.GetString(Fields(metric, 1).Single())} {Encoding.UTF8.GetString(Fields(metric, 3).SingleOrDefault() ?? [])}";

    // The values of a field that has a length (protobuf's wire type 2).
    private static List<byte[]> Fields(byte[] message, int number)
    {
        var found = new List<byte[]>();
        for (var at = 0; at < message.Length;)
        {
            var tag = Varint(message, ref at);
            switch (tag & 7)
            {
                case 0:
                    Varint(message, ref at);
                    break;
                case 1:
                    at += 8;
                    break;
                case 2:
                    var length = (int)Varint(message, ref at);
                    if ((int)(tag >> 3) == number)
                        found.Add(message[at..(at + length)]);
                    at += length;
                    break;
                case 5:
                    at += 4;
                    break;
                default:
                    throw new FormatException($"wire type {tag & 7}");
            }
        }

        return found;
    }

    private static ulong Varint(byte[] message, ref int at)
    {
        var value = 0UL;
        for (var shift = 0; ; shift += 7)
        {
            value |= (ulong)(message[at] & 0x7F) << shift;
            if (message[at++] < 0x80)
                return value;
        }
    }
}
