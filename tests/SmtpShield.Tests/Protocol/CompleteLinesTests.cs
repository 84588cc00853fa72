using System.Text;
using SmtpShield.Protocol;

namespace SmtpShield.Tests.Protocol;

public class CompleteLinesTests
{
    // What Postfix 3.7.11 logged for the same octets and a client that left.
    [TestCase("", false, 0)]
    [TestCase("abc", false, 0)]
    [TestCase("abc\r\n", false, 5)]
    [TestCase("abc", true, 5)]
    [TestCase("abc\r\ndef", false, 5)]
    [TestCase("..a\r\nxx\r", false, 4)]
    [TestCase("..a", true, 4)]
    [TestCase("abc\r\n.", false, 5)]
    [TestCase("...\r\n.b\r\n\r\n", false, 4 + 3 + 2)]
    public void Count_OfLines_IsPostfixs(string content, bool endsLine, int expected)
    {
        foreach (var parts in Splits(content))
        {
            var lines = new CompleteLines();
            foreach (var part in parts)
                lines.Add(Encoding.Latin1.GetBytes(part));

            Assert.That(lines.Count(endsLine, longest: 2048), Is.EqualTo(expected), string.Join('|', parts));
        }
    }

    [TestCase(2047, 0)]
    [TestCase(3000, 2050)]
    [TestCase(5000, 4100)]
    public void Count_OfALineWithoutEnd_IsPostfixs(int length, int expected)
    {
        var lines = new CompleteLines();
        lines.Add(new byte[length]);

        Assert.That(lines.Count(endsLine: false, longest: 2048), Is.EqualTo(expected));
    }

    private static IEnumerable<string[]> Splits(string octets)
    {
        yield return [octets];
        for (var at = 1; at < octets.Length; at++)
            yield return [octets[..at], octets[at..]];
        yield return [.. octets.Select(static octet => octet.ToString())];
    }
}
