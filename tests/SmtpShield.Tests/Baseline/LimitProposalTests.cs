using SmtpShield.Baseline;
using SmtpShield.Limits;

namespace SmtpShield.Tests.Baseline;

[Property("Operations", "OPS-20")]
public sealed class LimitProposalTests
{
    private static readonly ObservedLimit _connections = ObservedLimit.All.Single(static limit => limit.Parameter == ClientLimits.ConnectionRate.Parameter);
    private static readonly ObservedLimit _open = ObservedLimit.All.Single(static limit => limit.Parameter == ClientLimits.ConnectionCount.Parameter);
    private static readonly ObservedLimit _errors = ObservedLimit.All[ObservedLimit.SessionErrors];

    // The ranks are those of P(Bin(n, 0.999) < k) >= 0.95.
    [TestCase(1, null)]
    [TestCase(2994, null)]
    [TestCase(2995, 2995L)]
    [TestCase(4741, 4741L)]
    [TestCase(4742, 4741L)]
    [TestCase(10_000, 9996L)]
    [TestCase(48_210, 48_174L)]
    [TestCase(1_000_000, 999_053L)]
    public void UpperBoundRank_OfN_IsTheSmallestThatIsSure(long count, long? rank) =>
        Assert.That(OrderStatistics.UpperBoundRank(count), Is.EqualTo(rank));

    [Test]
    public void Quantiles_OfKnownValues_AreThoseOfTheNearestRank()
    {
        var sample = Sample(Enumerable.Range(1, 1000).Select(static value => (Math.Min(value, 60), 1)));
        Assert.That((sample.Count, sample.Quantile(0.01), sample.Quantile(0.05), sample.Quantile(0.5), sample.Quantile(0.999), sample.Largest),
            Is.EqualTo((1000L, (int?)10, (int?)50, (int?)60, (int?)60, 60)));
        Assert.That(Sample([(1, 999), (50, 1)]).Quantile(0.999), Is.EqualTo(1));
        Assert.That(Sample([(1, 998), (50, 2)]).Quantile(0.999), Is.EqualTo(50));
        Assert.That(Sample([(1000, 1)]).Quantile(0.5), Is.EqualTo(1000), "never above what was seen");
        Assert.That(Sample([]).Quantile(0.5), Is.Null);
    }

    [TestCase(99, null)]
    [TestCase(100, 30)]
    public void Of_FewWindows_ProposesFromAHundredOn(int windows, int? expected) =>
        Assert.That(LimitProposal.Of(_connections, Sample([(13, windows)]), 2), Is.EqualTo(expected));

    // One in 2994 has 40: without a bound the largest counts, with one its rank does, which is the last as long as n is below 4742.
    [TestCase(2994, 40, null)]
    [TestCase(2995, 40, 40)]
    [TestCase(4742, 13, 13)]
    public void Of_ManyWindows_GoesByTheBoundAsSoonAsThereIsOne(int windows, int needed, int? bound)
    {
        var sample = Sample([(13, windows - 1), (40, 1)]);
        Assert.That(sample.UpperBound, Is.EqualTo(bound));
        Assert.That(LimitProposal.Of(_connections, sample, 2), Is.EqualTo(needed == 40 ? 80 : 30));
    }

    [TestCase(13, 2, 30)]
    [TestCase(10, 2, 20)]
    [TestCase(15, 2, 30)]
    [TestCase(16, 2, 50)]
    [TestCase(26, 2, 80)]
    [TestCase(41, 2, 100)]
    [TestCase(41, 1, 50)]
    [TestCase(41, 1.25, 80)]
    [TestCase(1, 2, 10)]
    [TestCase(int.MaxValue, 100, 2_000_000_000)]
    public void Of_AMargin_RoundsUpToSteps(int largest, double margin, int expected) =>
        Assert.That(LimitProposal.Of(_connections, Sample([(largest, 100)]), margin), Is.EqualTo(expected));

    [Test]
    public void Of_LittleNeed_IsNeverBelowTheLeast() => Assert.That(
        ObservedLimit.All.Select(static limit => LimitProposal.Of(limit, Sample([(1, 100)]), 1)), Is.EqualTo(new[] { 5, 10, 10, 50, 10, 5, 20, 5, 20 }));

    [TestCase(0, 1000, false)]
    [TestCase(1, 999, false)]
    [TestCase(2, 999, true)]
    public void IsCutOff_OfThoseAtTheLimit_IsAboveOneInAThousand(int atLimit, int below, bool expected)
    {
        var sample = Sample([(20, atLimit), (19, below)]);
        Assert.That(LimitProposal.IsCutOff(sample, 20), Is.EqualTo(expected));
        Assert.That(LimitProposal.IsCutOff(sample, 0), Is.False, "off cuts nothing");
    }

    [Test]
    public void ShareAbove_OfEachKind_IsWhatTheLimitRefuses()
    {
        Assert.That(Sample([(10, 1), (30, 3)]).ShareAbove(_connections, 20), Is.EqualTo(30.0 / 100), "of events");
        Assert.That(Sample([(5, 1), (6, 3)]).ShareAbove(_open, 5), Is.EqualTo(0.75), "of connections");
        Assert.That(Sample([(19, 1), (20, 3)]).ShareAbove(_errors, 20), Is.EqualTo(0.75), "who is at the limit is hit");
        Assert.That(Sample([]).ShareAbove(_connections, 20), Is.Null);
    }

    private static BaselineSample Sample(IEnumerable<(int Value, int Count)> values)
    {
        var (counts, largest) = (new long[LogLinear.Count], 0);
        foreach (var (value, count) in values)
        {
            counts[LogLinear.IndexOf(value)] += count;
            largest = count > 0 ? Math.Max(largest, value) : largest;
        }

        return new(counts, largest);
    }
}
