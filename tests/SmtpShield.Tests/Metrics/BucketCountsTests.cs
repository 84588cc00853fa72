using SmtpShield.Metrics;

namespace SmtpShield.Tests.Metrics;

/// <summary>What is known of single values that were only counted by bucket.</summary>
public sealed class BucketCountsTests
{
    private static readonly double[] _bounds = [1, 3, 10];

    [TestCase(0.5, ExpectedResult = 1.0), TestCase(0.25, ExpectedResult = 0.5), TestCase(0.75, ExpectedResult = 6.5), TestCase(1.0, ExpectedResult = 10.0)]
    public double? Quantile_OfValuesInTwoBuckets_IsBetweenTheirBounds(double part) => new BucketCounts(_bounds, [2, 0, 2, 0]).Quantile(part);

    [Test]
    public void Quantile_AboveTheLastBound_IsThatBound() =>
        Assert.That(new BucketCounts(_bounds, [1, 0, 0, 3]).Quantile(0.5), Is.EqualTo(10));

    [Test]
    public void Quantile_OfNothing_IsNotKnown() => Assert.That(new BucketCounts(_bounds, [0, 0, 0, 0]).Quantile(0.5), Is.Null);

    [Test]
    public void Since_WhatWasBefore_HasOnlyWhatHasCome()
    {
        var before = new BucketCounts(_bounds, [5, 1, 0, 0]);

        Assert.That(new BucketCounts(_bounds, [5, 2, 0, 7]).Since(before).Counts, Is.EqualTo((long[])[0, 1, 0, 7]));
        Assert.That(before.Since(null).Counts, Is.EqualTo((long[])[5, 1, 0, 0]));
    }
}
