using SmtpShield.Control.Monitoring;
using SmtpShield.Limits;
using SmtpShield.Metrics;
using SmtpShield.Testing.Monitoring;

namespace SmtpShield.Tests.Metrics;

public class ShieldMetricsTests
{
    private ShieldMetrics _metrics = null!;

    [SetUp]
    public void Create() => _metrics = new();

    [TearDown]
    public void Dispose() => _metrics.Dispose();

    [Test]
    public void OfService_MoreThanThereIsRoomFor_ShareTheLast()
    {
        for (var i = 0; i < 100; i++)
            _metrics.OfService($"s{i}").NoteDelay(TimeSpan.FromSeconds(1));
        _metrics.OfService("s31").NoteDelay(TimeSpan.FromSeconds(1));

        var text = Text();
        Assert.Multiple(() =>
        {
            Assert.That(text.Series.Keys.Count(static key => key.StartsWith("smtpshield_delays_total", StringComparison.Ordinal)), Is.EqualTo(33));
            Assert.That(text.Sum("smtpshield_delays_total", "service=\"s31\""), Is.EqualTo(2));
            Assert.That(text.Sum("smtpshield_delays_total", "service=\"other\""), Is.EqualTo(68));
        });
    }

    [Test]
    public void OfService_CalledOther_IsCountedOnce()
    {
        for (var i = 0; i < 40; i++)
            _metrics.OfService($"s{i}");
        _metrics.OfService("other").NoteDelay(TimeSpan.FromSeconds(1));

        Assert.That(Text().Sum("smtpshield_delays_total"), Is.EqualTo(1));
    }

    [Test]
    public void OfService_ThreeAndFourDestinations_AreFewerSeriesThanPromised()
    {
        foreach (var service in (string[])["smtp", "submission", "smtps"])
            _metrics.OfService(service);
        for (var i = 0; i < 4; i++)
            _metrics.OfDestination($"mta{i}:25");

        Assert.That(Text().Series, Has.Count.LessThan(1300));
    }

    [Test]
    public void Rules_OfLimitsOnClients_AreAllAmongThoseCounted() =>
        Assert.That(LimitRules.All.Take(ClientLimits.All.Count), Is.EqualTo(ClientLimits.All.Select(static limit => limit.Parameter)));

    [Test]
    public void Rules_OfSessions_AreParameters() =>
        Assert.That(LimitRules.All.Except(SmtpShield.Options.Parameters.ParameterCatalog.All.Keys), Is.Empty);

    // OpenTelemetry's rules: dots become underscores, the unit's word and _total stand at the end.
    [Test]
    public void Names_OverOtlp_BecomeTheSameInPrometheus() => Assert.That(
        MetricCatalog.All.Select(static metric => metric.DottedName.Replace('.', '_')
            + metric.UnitCode switch { "s" => "_seconds", "By" => "_bytes", _ => "" } + (metric.Kind == MetricKind.Counter ? "_total" : "")),
        Is.EqualTo(MetricCatalog.All.Select(static metric => metric.Name)));

    [Test]
    public void Names_OfFamilies_AreUnique() =>
        Assert.That(MetricCatalog.All.Select(static metric => (metric.DottedName, metric.UnitCode)).Distinct().Count(), Is.EqualTo(MetricCatalog.All.Count));

    [TestCase(false)]
    [TestCase(true)]
    public void Write_LabelsThatAreSyntax_AreText(bool isOpenMetrics)
    {
        _metrics.OfService("a\"} 1\nb{c=\"\\").NoteDelay(TimeSpan.FromSeconds(1));

        var text = Text(isOpenMetrics);

        Assert.That(text.Series["smtpshield_delays_total{service=\"a\\\"} 1\\nb{c=\\\"\\\\\"}"], Is.EqualTo(1));
    }

    [TestCase("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", true)]
    [TestCase("text/plain;version=0.0.4", false)]
    [TestCase("application/openmetrics-text;q=0.1, text/plain;q=0.9", false)]
    [TestCase("application/openmetrics-text;version=2.0.0", false)]
    [TestCase("application/openmetrics-text", true)]
    [TestCase("*/*", false)]
    [TestCase("", false)]
    [TestCase("\u0001;;;", false)]
    public void WantsOpenMetrics_OfWhatIsAccepted_IsTheBetterOne(string accept, bool expected) =>
        Assert.That(MetricsApi.WantsOpenMetrics([accept]), Is.EqualTo(expected));

    private PrometheusText Text(bool isOpenMetrics = false)
    {
        var samples = new MetricSamples();
        _metrics.Collect(samples);
        return PrometheusText.Parse(System.Text.Encoding.UTF8.GetString(MetricsText.Write(samples, isOpenMetrics)), isOpenMetrics);
    }
}
