using System.Text;
using SmtpShield.Observe;

namespace SmtpShield.Tests.Observe;

[TestFixture]
public sealed class ClientInputTests
{
    [TestCase("", "")]
    [TestCase("NOOP\r\n", "NOOP\\r\\n")]
    [TestCase("AUT", "AUT")]
    [TestCase("AUTH", "AUTH [redacted]")]
    [TestCase("AUTH PLAIN AGEAYg==\r\n", "AUTH [redacted]")]
    [TestCase("EHLO x\r\n aUtH\tPLAIN AGEAYg==\r\n", "EHLO x\\r\\n aUtH [redacted]")]
    [TestCase("\u0001AUTH PLAIN AGEAYg==", "\\001AUTH [redacted]")]
    [TestCase("Authorization: Basic YTpi", "Auth [redacted]")]
    public void Quote_Input_EndsWhereAuthBegins(string input, string expected) =>
        Assert.That(ClientInput.Quote(new(Encoding.Latin1.GetBytes(input)), 100), Is.EqualTo(expected));

    [TestCase(5, "xxxxAUTH [redacted]")]
    [TestCase(4, "xxxx...")]
    [TestCase(8, "xxxxAUTH [redacted]")]
    public void Quote_AuthAtTheCut_NeverQuotesWhatFollowsIt(int maxLength, string expected) =>
        Assert.That(ClientInput.Quote(new("xxxxAUTH PLAIN AGEAYg=="u8.ToArray()), maxLength), Is.EqualTo(expected));

    [Test]
    public void Quote_BehindAuth_QuotesNothing() =>
        Assert.That(ClientInput.Quote(new("AGEAYg=="u8.ToArray()), 100, mayBeCredentials: true), Is.EqualTo("[redacted]"));
}
