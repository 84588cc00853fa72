using System.Text;
using SmtpShield.Limits;

namespace SmtpShield.Tests.Limits;

/// <summary>The two limits on what the MTA refused, over all sessions of a client.</summary>
public class ErrorRateLimitTests
{
    [TestCase(5, 5, null)]
    [TestCase(5, 6, 6)]
    [TestCase(1, 2, 2)]
    [TestCase(0, int.MaxValue, null)]
    public void Judge_Errors_AreExceededAboveTheLimit(int limit, int count, int? expected) => Assert.That(
        new ErrorRateLimit().Judge(new(9, 9, 9, 9, 9, 9, Errors: count, AuthFailures: 9), new() { ClientErrorRateLimit = limit, ClientAuthFailureRateLimit = 1 }), Is.EqualTo(expected));

    [TestCase(5, 5, null)]
    [TestCase(5, 6, 6)]
    [TestCase(1, 2, 2)]
    [TestCase(0, int.MaxValue, null)]
    public void Judge_AuthFailures_AreExceededAboveTheLimit(int limit, int count, int? expected) => Assert.That(
        new AuthFailureRateLimit().Judge(new(9, 9, 9, 9, 9, 9, Errors: 9, AuthFailures: count), new() { ClientErrorRateLimit = 1, ClientAuthFailureRateLimit = limit }), Is.EqualTo(expected));

    [Test]
    public void Refusal_OfEach_IsItsOwnReply() => Assert.That(
        new ILimitPolicy[] { new ErrorRateLimit(), new AuthFailureRateLimit() }.Select(policy => Encoding.ASCII.GetString(policy.Refusal("mail.example.test", "192.0.2.7").Octets.Span)),
        Is.EqualTo(new[]
        {
            "421 4.7.0 mail.example.test Error: too many errors from 192.0.2.7\r\n",
            "421 4.7.0 mail.example.test Error: too many authentication failures from 192.0.2.7\r\n",
        }));
}
