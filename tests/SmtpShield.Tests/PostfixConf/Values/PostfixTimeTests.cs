using SmtpShield.PostfixConf.Values;

namespace SmtpShield.Tests.PostfixConf.Values;

[TestFixture]
public sealed class PostfixTimeTests
{
    [TestCase("300", 's', 300)]
    [TestCase("300", 'h', 300 * 3600)]
    [TestCase("0", 's', 0)]
    [TestCase("5m", 's', 300)]
    [TestCase("5min", 's', 300)]
    [TestCase("2h", 's', 7200)]
    [TestCase("1d", 's', 86400)]
    [TestCase("1w", 's', 604800)]
    [TestCase(" +7s", 's', 7)]
    public void TryParse_NumberAndUnit_GivesSeconds(string text, char unit, long expected)
    {
        Assert.That(PostfixTime.TryParse(text, unit, out var seconds), Is.True);
        Assert.That(seconds, Is.EqualTo(expected));
    }

    [TestCase("")]
    [TestCase("s")]
    [TestCase("5x")]
    [TestCase("5M")]
    [TestCase("5 s")]
    [TestCase("-1")]
    [TestCase("1.5s")]
    [TestCase("2147483648")]
    [TestCase("2147483647w")]
    public void TryParse_NoTime_Refuses(string text) => Assert.That(PostfixTime.TryParse(text, 's', out _), Is.False);
}
