using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using SmtpShield.Admission;
using SmtpShield.Clients;
using SmtpShield.Control.Monitoring;
using SmtpShield.Metrics;
using SmtpShield.Observe;
using SmtpShield.Options;
using SmtpShield.Session;
using SmtpShield.Testing;
using SmtpShield.Testing.Monitoring;
using SmtpShield.Tests.Admission;
using SmtpShield.Tests.Limits;
using SmtpShield.Tests.Shadow;
using SmtpShield.Tests.Throttling;

namespace SmtpShield.Tests.Metrics;

/// <summary>Connections, outcomes and ends are the same number, whatever becomes of a connection.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ConnectionLedgerTests : IDisposable
{
    private readonly ShieldMetrics _metrics = new();
    private readonly FakeTimeProvider _time = new();
    private readonly ShieldSnapshot _snapshot = new(new() { Limits = new() { ClientConnectionRateLimit = 2 } });

    public void Dispose() => _metrics.Dispose();

    [Test, Property("Operations", "OPS-37")]
    public async Task Connections_OfTenThousandAtRandom_AreAsManyAsOutcomesAndEnds()
    {
        var random = new Random(37);
        SessionEndReason[] reasons = [.. Enum.GetValues<SessionEndReason>().Except([SessionEndReason.None, SessionEndReason.StartTls])];
        var ends = new Dictionary<string, int>();
        var (served, checks) = (0, 0);
        var stage = Stage();
        for (var i = 0; i < 10_000; i++)
        {
            var (reason, isGreeted, throws, isCheck) = (reasons[random.Next(reasons.Length)], random.Next(2) == 0, random.Next(50) == 0, random.Next(20) == 0);
            try
            {
                await stage.InvokeAsync(
                    TestConnection.Identified(_snapshot, address: $"198.51.100.{random.Next(200)}", proxy: new ProxyConnection(isCheck)), connection =>
                    {
                        if (isGreeted)
                            new SessionContext(connection, static () => null).NoteGreeted(1);
                        _time.Advance(TimeSpan.FromMilliseconds(random.Next(5000)));
                        if (throws)
                            throw new InvalidOperationException("a bug");
                        connection.EndWith(new(reason));
                        connection.EndWith(new(SessionEndReason.Failed));
                        return Task.CompletedTask;
                    });
            }
            catch (InvalidOperationException)
            {
                reason = SessionEndReason.Failed;
            }

            if (isCheck)
            {
                checks++;
                continue;
            }

            var word = System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName($"{reason}");
            ends[word] = ends.GetValueOrDefault(word) + 1;
            served += isGreeted ? 1 : 0;
        }

        var text = Text();
        Assert.Multiple(() =>
        {
            Assert.That(checks, Is.Positive);
            Assert.That(text.Sum("smtpshield_connections_total"), Is.EqualTo(10_000 - checks));
            Assert.That(text.Sum("smtpshield_sessions_ended_total"), Is.EqualTo(10_000 - checks));
            Assert.That(text.Sum("smtpshield_session_duration_seconds_count"), Is.EqualTo(10_000 - checks));
            Assert.That(text.Sum("smtpshield_connections_total", "served"), Is.GreaterThanOrEqualTo(served));
            foreach (var (word, count) in ends)
                Assert.That(text.Sum("smtpshield_sessions_ended_total", $"reason=\"{word}\""), Is.EqualTo(count), word);
        });
    }

    [Test, Property("Operations", "OPS-36")]
    public async Task Series_BehindAHundredThousandAddressesAndHostileNames_AreTheSame()
    {
        var stage = Stage();
        var admission = new AdmitClient(NullLogger<AdmitClient>.Instance);
        _metrics.OfService("smtp");
        var before = Text().Series.Keys.Order().ToList();

        for (var i = 0; i < 100_000; i++)
        {
            await stage.InvokeAsync(TestConnection.Identified(_snapshot, address: $"10.{i >> 16}.{(i >> 8) & 255}.{i & 255}"), connection =>
                admission.InvokeAsync(connection, static connection =>
                {
                    connection.EndWith(new(SessionEndReason.ClientLost, "\"} 1\n<script>\u202e", "x\"}\n"));
                    return Task.CompletedTask;
                }));
        }

        var text = Text();
        Assert.That(text.Series.Keys.Order(), Is.EqualTo(before));
        Assert.That(text.Sum("smtpshield_connections_total"), Is.EqualTo(100_000));
    }

    private RecordSession Stage()
    {
        var anvil = TestAnvil.Table(_snapshot, _time);
        return new(anvil, TestThrottle.Of(anvil, _time), _metrics.OfService("smtp"), static _ => null, TestShadow.Book(_snapshot, anvil, _time),
            _time, NullLogger<RecordSession>.Instance);
    }

    private PrometheusText Text()
    {
        var samples = new MetricSamples();
        _metrics.Collect(samples);
        return PrometheusText.Parse(Encoding.UTF8.GetString(MetricsText.Write(samples, isOpenMetrics: false)));
    }
}
