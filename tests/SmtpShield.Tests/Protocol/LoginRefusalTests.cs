using SmtpShield.Protocol;

namespace SmtpShield.Tests.Protocol;

public class LoginRefusalTests
{
    [TestCase(535, true, true)]
    [TestCase(535, false, true)]
    [TestCase(525, true, true)]
    [TestCase(550, true, true)]
    [TestCase(554, true, true)]
    [TestCase(550, false, false)]
    [TestCase(235, true, false)]
    [TestCase(432, true, false)]
    [TestCase(435, true, false)]
    [TestCase(454, true, false)]
    [TestCase(500, true, false)]
    [TestCase(501, true, false)]
    [TestCase(502, true, false)]
    [TestCase(503, true, false)]
    [TestCase(504, true, false)]
    [TestCase(530, true, false)]
    [TestCase(534, true, false)]
    [TestCase(538, true, false)]
    public void Is_ReplyToAuth_OnlyAFinalRefusalOfCredentials(int code, bool hasCredentials, bool expected) =>
        Assert.That(LoginRefusal.Is(code, hasCredentials), Is.EqualTo(expected));
}
