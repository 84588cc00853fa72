using System.Net;
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
        ClientLimits.Error.Judge(TestAnvil.Counts(9, 9, 9, 9, 9, 9, errors: count, authFailures: 9),
            new() { ClientErrorRateLimit = limit, ClientAuthFailureRateLimit = 1 })?.Count, Is.EqualTo(expected));

    [TestCase(5, 5, null)]
    [TestCase(5, 6, 6)]
    [TestCase(1, 2, 2)]
    [TestCase(0, int.MaxValue, null)]
    public void Judge_AuthFailures_AreExceededAboveTheLimit(int limit, int count, int? expected) => Assert.That(
        ClientLimits.AuthFailure.Judge(TestAnvil.Counts(9, 9, 9, 9, 9, 9, errors: 9, authFailures: count),
            new() { ClientErrorRateLimit = 1, ClientAuthFailureRateLimit = limit })?.Count, Is.EqualTo(expected));

    [Test]
    public void Refusal_OfEach_IsItsOwnReply() => Assert.That(
        new[] { ClientLimits.Error, ClientLimits.AuthFailure }
            .Select(limit => Encoding.ASCII.GetString(limit.ReplyTo("mail.example.test", new(new(IPAddress.Parse("192.0.2.7"), 1))).Octets.Span)),
        Is.EqualTo(new[]
        {
            "421 4.7.0 mail.example.test Error: too many errors from 192.0.2.7\r\n",
            "421 4.7.0 mail.example.test Error: too many authentication failures from 192.0.2.7\r\n",
        }));
}
