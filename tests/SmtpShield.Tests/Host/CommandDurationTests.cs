using SmtpShield.Host.Commands;

namespace SmtpShield.Tests.Host;

public sealed class CommandDurationTests
{
    [TestCase("90", 90)]
    [TestCase("90s", 90)]
    [TestCase("5m", 300)]
    [TestCase("1h", 3600)]
    [TestCase("7d", 604800)]
    [TestCase("2w", 1209600)]
    [TestCase("1h30m", null)]
    [TestCase("1hh", null)]
    [TestCase("h", null)]
    [TestCase("", null)]
    [TestCase("-1h", null)]
    [TestCase("+1h", null)]
    [TestCase("1.5h", null)]
    [TestCase("1 h", null)]
    [TestCase("99999999999", null)]
    public void Read_OfATime_IsExactOrNothing(string text, int? expected) => Assert.That(CommandDuration.Read(text), Is.EqualTo((long?)expected));
}
