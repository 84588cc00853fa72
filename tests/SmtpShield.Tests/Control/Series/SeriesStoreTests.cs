using SmtpShield.Control.Series;
using SmtpShield.Metrics;

namespace SmtpShield.Tests.Control.Series;

/// <summary>The points of series: levels, rates and means, for ten minutes and for hours.</summary>
internal sealed class SeriesStoreTests
{
    private static readonly DateTimeOffset s_start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);



    [Test]
    public void Add_OfALevelARateAndAMean_HasTheirPoints()
    {
        var store = new SeriesStore();
        store.Add(Samples(sessions: 3, accepted: 10, replies: 2, seconds: 0.5), s_start, 1);
        store.Add(Samples(sessions: 5, accepted: 40, replies: 6, seconds: 2.5), s_start.AddSeconds(2), 2);
        store.Add(Samples(sessions: 4, accepted: 40, replies: 6, seconds: 2.5), s_start.AddSeconds(3), 1);

        Assert.Multiple(() =>
        {
            Assert.That(PointsOf(store, "sessions"), Is.EqualTo((double[])[3, 5, 4]));
            Assert.That(PointsOf(store, "messages_accepted"), Is.EqualTo((double[])[double.NaN, 15, 0]));
            Assert.That(PointsOf(store, "upstream_command_s"), Is.EqualTo((double[])[double.NaN, 0.5, double.NaN]));
            Assert.That(PointsOf(store, "messages_refused"), Is.EqualTo((double[])[double.NaN, 0, 0]));
        });
    }

    // JSON has no infinity: an event with one would end the shield.
    [Test]
    public void Add_InNoTime_KnowsNoRate()
    {
        var store = new SeriesStore();
        store.Add(Samples(sessions: 3, accepted: 10, replies: 2, seconds: 0.5), s_start, 1);
        store.Add(Samples(sessions: 3, accepted: 40, replies: 2, seconds: 0.5), s_start, 0);

        Assert.That(PointsOf(store, "messages_accepted"), Is.EqualTo((double[])[double.NaN, double.NaN]));
    }

    [TestCase(9, 9, 0)]
    [TestCase(10, 10, 1)]
    [TestCase(605, 600, 60)]
    [TestCase(21_615, 600, 2160)]
    public void Read_BehindSeconds_HasTheLastOnes(int seconds, int fine, int coarse)
    {
        var store = new SeriesStore();
        for (var i = 1; i <= seconds; i++)
            store.Add(Samples(sessions: i, accepted: 0, replies: 0, seconds: 0), s_start.AddSeconds(i), 1);

        var last = store.Read(IndexOf("sessions"), isCoarse: true, out var end);
        Assert.Multiple(() =>
        {
            Assert.That(PointsOf(store, "sessions"), Is.EqualTo(Enumerable.Range(seconds - fine + 1, fine).Select(static i => (double)i)));
            Assert.That(last, Has.Length.EqualTo(coarse));
            Assert.That(end, Is.EqualTo(s_start.AddSeconds(seconds / 10 * 10)));
            if (coarse > 0)
                Assert.That(last[^1], Is.EqualTo(seconds / 10 * 10 - 4.5), "the mean of ten");
        });
    }

    [Test]
    public void Definitions_OfTheCatalog_AreFewAndHaveNamesOfTheirOwn() => Assert.Multiple(() =>
    {
        Assert.That(SeriesCatalog.Definitions, Has.Count.EqualTo(24));
        Assert.That(SeriesCatalog.Definitions.Select(static series => series.Name), Is.Unique);
        Assert.That(SeriesCatalog.Definitions.Where(static series => series.Label >= series.Metric.Labels.Length), Is.Empty);
    });

    // A word that no label has would be a series of zeros.
    [Test]
    public void Values_OfTheCatalog_AreThoseOfTheLabels()
    {
        using var metrics = new ShieldMetrics();
        metrics.OfService("smtp");
        metrics.OfDestination("mta:25");
        var samples = new MetricSamples();
        metrics.Collect(samples);
        foreach (var series in SeriesCatalog.Definitions.Where(static series => series.Label >= 0))
        {
            var known = samples.Of(series.Metric).Select(sample => sample.Labels[series.Label]).ToHashSet();
            Assert.That(series.Values, Is.SubsetOf(known), series.Name);
        }
    }

    private static double[] PointsOf(SeriesStore store, string name) => store.Read(IndexOf(name), isCoarse: false, out _);

    private static int IndexOf(string name) => SeriesCatalog.Definitions.ToList().FindIndex(series => series.Name == name);

    private static MetricSamples Samples(int sessions, int accepted, int replies, double seconds)
    {
        var samples = new MetricSamples();
        samples.Add(MetricCatalog.Sessions, sessions, "smtp", "command");
        samples.Add(MetricCatalog.Messages, accepted, "smtp", "accepted");
        samples.Add(MetricCatalog.Messages, 2, "smtp", "refused");
        samples.Add(MetricCatalog.UpstreamReplyDuration, [replies, 0], seconds, "mta:25", "command");
        samples.Add(MetricCatalog.UpstreamReplyDuration, [9, 9], 99, "mta:25", "greeting");
        return samples;
    }
}
