using SmtpShield.Baseline;

namespace SmtpShield.Tests.Baseline;

public sealed class LogLinearTests
{
    [TestCase(0, 0)]
    [TestCase(63, 63)]
    [TestCase(64, 64)]
    [TestCase(65, 64)]
    [TestCase(66, 65)]
    [TestCase(127, 95)]
    [TestCase(128, 96)]
    [TestCase(131, 96)]
    [TestCase(132, 97)]
    [TestCase(int.MaxValue, LogLinear.Count - 1)]
    public void IndexOf_AValue_IsItsBucket(int value, int bucket) => Assert.That(LogLinear.IndexOf(value), Is.EqualTo(bucket));

    [Test]
    public void Buckets_FromEdgeToEdge_LeaveNothingOutAndAreNarrow()
    {
        Assert.That(LogLinear.Count, Is.EqualTo(864));
        var lower = 0L;
        for (var bucket = 0; bucket < LogLinear.Count; bucket++)
        {
            var upper = LogLinear.UpperEdge(bucket);
            Assert.That((LogLinear.IndexOf((int)lower), LogLinear.IndexOf(upper)), Is.EqualTo((bucket, bucket)));
            Assert.That(upper - lower, Is.LessThanOrEqualTo(0.032 * lower));
            lower = (long)upper + 1;
        }

        Assert.That(lower, Is.EqualTo(1L << 31));
    }
}
