using SmtpShield.Limits;
using SmtpShield.Options;

namespace SmtpShield.Tests.Limits;

public class ConnectionLimitTests
{
    [TestCase(5, 4, null)]
    [TestCase(5, 5, null)]
    [TestCase(5, 6, 6)]
    [TestCase(5, 1000, 1000)]
    [TestCase(1, 1, null)]
    [TestCase(1, 2, 2)]
    [TestCase(0, 1, null)]
    [TestCase(0, int.MaxValue, null)]
    public void Judge_ConnectionCount_IsExceededAboveTheLimit(int limit, int count, int? expected) =>
        Assert.That(ClientLimits.ConnectionCount.Judge(new AnvilCounts(count, int.MaxValue),
            new() { ClientConnectionCountLimit = limit, ClientConnectionRateLimit = 1 })?.Count, Is.EqualTo(expected));

    [TestCase(5, 4, null)]
    [TestCase(5, 5, null)]
    [TestCase(5, 6, 6)]
    [TestCase(5, 1000, 1000)]
    [TestCase(1, 1, null)]
    [TestCase(1, 2, 2)]
    [TestCase(0, 1, null)]
    [TestCase(0, int.MaxValue, null)]
    public void Judge_ConnectionRate_IsExceededAboveTheLimit(int limit, int rate, int? expected) =>
        Assert.That(ClientLimits.ConnectionRate.Judge(new AnvilCounts(int.MaxValue, rate),
            new() { ClientConnectionRateLimit = limit, ClientConnectionCountLimit = 1 })?.Count, Is.EqualTo(expected));

    [Test]
    public void Judge_ByDefault_IsFiftyConnectionsAndAnyRate()
    {
        var limits = new SmtpdLimitOptions();
        Assert.That(
            (ClientLimits.ConnectionCount.Judge(50, limits)?.Count, ClientLimits.ConnectionCount.Judge(51, limits)
                ?.Count, ClientLimits.ConnectionRate.Judge(100_000, limits)?.Count),
            Is.EqualTo(((int?)null, (int?)51, (int?)null)));
    }
}
