using SmtpShield.Configuration;
using SmtpShield.Limits;

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
        Assert.That(new ConnectionCountLimit().Judge(new(count, int.MaxValue), new() { ClientConnectionCountLimit = limit, ClientConnectionRateLimit = 1 }), Is.EqualTo(expected));

    [TestCase(5, 4, null)]
    [TestCase(5, 5, null)]
    [TestCase(5, 6, 6)]
    [TestCase(5, 1000, 1000)]
    [TestCase(1, 1, null)]
    [TestCase(1, 2, 2)]
    [TestCase(0, 1, null)]
    [TestCase(0, int.MaxValue, null)]
    public void Judge_ConnectionRate_IsExceededAboveTheLimit(int limit, int rate, int? expected) =>
        Assert.That(new ConnectionRateLimit().Judge(new(int.MaxValue, rate), new() { ClientConnectionRateLimit = limit, ClientConnectionCountLimit = 1 }), Is.EqualTo(expected));

    [Test]
    public void Judge_ByDefault_IsFiftyConnectionsAndAnyRate()
    {
        var limits = new SmtpdLimitOptions();
        Assert.That(
            (new ConnectionCountLimit().Judge(new(50, 1), limits), new ConnectionCountLimit().Judge(new(51, 1), limits), new ConnectionRateLimit().Judge(new(1, 100_000), limits)),
            Is.EqualTo(((int?)null, (int?)51, (int?)null)));
    }
}
