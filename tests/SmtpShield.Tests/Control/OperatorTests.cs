using SmtpShield.Control;

namespace SmtpShield.Tests.Control;

public sealed class OperatorTests
{
    [TestCase(0u, "uid 0 (root)")]
    [TestCase(4_294_967_294u, "uid 4294967294")]
    [TestCase(null, "uid unknown")]
    [Platform("Linux")]
    public void ToString_OfAUser_IsTheNumberAndTheNameThereIs(uint? user, string expected) => Assert.That($"{new Operator(user)}", Is.EqualTo(expected));
}
