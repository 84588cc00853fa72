using SmtpShield.Observe;
using SmtpShield.Protocol;

namespace SmtpShield.Tests.Observe;

public class CommandStatisticsTests
{
    [Test]
    public void Describe_NoCommands_IsZeroOfZero() => Assert.That(new CommandStatistics().Describe(), Is.EqualTo(" commands=0/0"));

    [TestCase("ehlo+ mail+ rcpt- quit+", " ehlo=1 mail=1 rcpt=0/1 quit=1 commands=3/4")]
    [TestCase("quit+ ehlo+ noop+ noop+ ehlo+", " ehlo=2 noop=2 quit=1 commands=5")]
    [TestCase("rcpt+ rcpt+ rcpt- rcpt+", " rcpt=3/4 commands=3/4")]
    [TestCase("unknown+ unknown-", " unknown=0/2 commands=0/2")]
    [TestCase("data-", " data=0/1 commands=0/1")]
    [TestCase(
        "unknown- help+ quit+ etrn+ vrfy+ noop+ rset+ bdat+ data+ rcpt+ mail+ auth+ starttls+ xforward- xclient- ehlo+ helo+",
        " helo=1 ehlo=1 xclient=0/1 xforward=0/1 starttls=1 auth=1 mail=1 rcpt=1 data=1 bdat=1 rset=1 noop=1 vrfy=1 etrn=1 quit=1 help=1 "
            + "unknown=0/1 commands=14/17")]
    public void Describe_Commands_IsInPostfixsFormatAndOrder(string commands, string expected)
    {
        var statistics = new CommandStatistics();
        foreach (var command in commands.Split(' '))
            statistics.Count(Enum.Parse<Verb>(command[..^1], ignoreCase: true), command[^1] == '+');

        Assert.That(statistics.Describe(), Is.EqualTo(expected));
    }
}
