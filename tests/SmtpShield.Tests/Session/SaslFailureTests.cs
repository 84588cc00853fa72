using System.Text;
using SmtpShield.Session;

namespace SmtpShield.Tests.Session;

[TestFixture]
public sealed class SaslFailureTests
{
    [TestCase("535 5.7.8 Error: authentication failed: (reason unavailable)", "(reason unavailable)")]
    [TestCase("535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6", "UGFzc3dvcmQ6")]
    [TestCase("535 5.7.8 Error: authentication failed: generic failure ", "generic failure")]
    [TestCase("535 5.7.8 Error: authentication failed: bob gave secret", "authentication failure")]
    [TestCase("535 5.7.8 Error: authentication failed: ", "authentication failure")]
    [TestCase("535 bob gave secret", "authentication failure")]
    public void ReasonIn_Reply_IsAKnownOne(string reply, string expected) =>
        Assert.That(SaslFailure.ReasonIn(Encoding.Latin1.GetBytes(reply)), Is.EqualTo(expected));
}
