using SmtpShield.Control;

namespace SmtpShield.Tests.Control;

public sealed class AddressTextTests
{
    [TestCase("192.0.2.7", "192.0.2.7")]
    [TestCase("2001:DB8::1", "2001:db8::1")]
    [TestCase("[2001:db8::1]", "2001:db8::1")]
    [TestCase("::ffff:192.0.2.7", "192.0.2.7")]
    public void ParseAddress_OfOne_IsIt(string text, string expected) => Assert.That($"{AddressText.ParseAddress(text)}", Is.EqualTo(expected));

    [TestCase("")]
    [TestCase("1")]
    [TestCase("192.0.2")]
    [TestCase("010.0.0.1")]
    [TestCase("192.0.2.0/24")]
    [TestCase("fe80::1%eth0")]
    [TestCase("mail.example.com")]
    [TestCase("192.0.2.7 ")]
    [TestCase("\u001B[31m")]
    public void ParseAddress_OfAnythingElse_IsRefused(string text) => Assert.That(
        () => AddressText.ParseAddress(text), Throws.InstanceOf<ControlException>().With.Message.Matches(@"\A[ -~]+\z"));

    [TestCase("192.0.2.7", "192.0.2.7")]
    [TestCase("192.0.2.0/24", "192.0.2.0/24")]
    [TestCase("0.0.0.0/0", "0.0.0.0/0")]
    [TestCase("2001:db8::/32", "2001:db8::/32")]
    [TestCase("[2001:db8::]/32", "2001:db8::/32")]
    [TestCase("[2001:db8::1]", "2001:db8::1")]
    [TestCase("::/0", "::/0")]
    [TestCase("::ffff:192.0.2.0/120", "192.0.2.0/24")]
    public void ParsePrefix_OfOne_IsIt(string text, string expected) => Assert.That($"{AddressText.ParsePrefix(text)}", Is.EqualTo(expected));

    [TestCase("192.0.2.7/24", "perhaps you should use \"192.0.2.0/24\" instead")]
    [TestCase("192.0.2.0/33", "bad mask length")]
    [TestCase("192.0.2.0/-1", "bad mask value")]
    [TestCase("192.0.2.0/", "bad mask value")]
    [TestCase("static:all", "bad address pattern")]
    [TestCase("/etc/passwd", "bad mask value")]
    [TestCase("!192.0.2.7", "bad address pattern")]
    [TestCase("192.0.2.7\nx", "bad address pattern")]
    [TestCase("\u001B[31m\u202E", "bad address pattern")]
    public void ParsePrefix_OfAnythingElse_IsRefusedInPrintableWords(string text, string message) => Assert.That(
        () => AddressText.ParsePrefix(text), Throws.InstanceOf<ControlException>().With.Message.Contains(message).And.Message.Matches(@"\A[ -~]+\z"));

    // Whatever is written, it is a prefix that can be printed and read again, or refused.
    [Test]
    public void ParsePrefix_OfTenThousandStrings_IsAPrefixOrRefused()
    {
        const string Letters = "0123456789abcdef.:/[]% \n$(";
        var random = new Random(1);
        for (var i = 0; i < 10_000; i++)
        {
            var text = string.Create(random.Next(20), random, static (span, source) =>
            {
                foreach (ref var letter in span)
                    letter = Letters[source.Next(Letters.Length)];
            });
            try
            {
                var prefix = AddressText.ParsePrefix(text);
                Assert.That(AddressText.ParsePrefix($"{prefix}"), Is.EqualTo(prefix), text);
            }
            catch (ControlException exception)
            {
                Assert.That(exception.Message, Does.Match(@"\A[ -~]+\z"));
            }
        }
    }
}
