using System.Buffers;
using System.Text;
using SmtpShield.Observe;

namespace SmtpShield.Tests.Observe;

public class ClientTextTests
{
    [TestCase("EHLO x", "EHLO x")]
    [TestCase("a\r\nb\t", @"a\r\nb\t")]
    [TestCase("\a\b\f\v", @"\a\b\f\v")]
    [TestCase("\u001b[31m", @"\033[31m")]
    [TestCase("\0" + "7\u007f", @"\0007\177")]
    [TestCase(@"a\r", @"a\\r")]
    [TestCase("\"a b\"@x", "\"a b\"@x")]
    [TestCase("é\u2028\u0085\u202e", @"\303\251\342\200\250\302\205\342\200\256")]
    [TestCase("", "")]
    public void Escape_Text_IsWrittenAsPostfixWritesIt(string text, string expected) =>
        Assert.That(ClientText.Escape(Encoding.UTF8.GetBytes(text)), Is.EqualTo(expected));

    [Test]
    public void Escape_InvalidUtf8_IsWrittenAsItsOctets() => Assert.That(ClientText.Escape([0xff, 0xc3, 0x28]), Is.EqualTo(@"\377\303("));

    [Test]
    public void Escape_EveryOctet_IsPrintableAndReversible()
    {
        var all = Enumerable.Range(0, 256).Select(i => (byte)i).ToArray();

        var escaped = ClientText.Escape(all, maxLength: 256);

        Assert.That(escaped, Has.All.InRange(' ', '~'));
        Assert.That(Unescape(escaped), Is.EqualTo(all));
    }

    [TestCase(2, "ab...")]
    [TestCase(3, "abc")]
    [TestCase(4, "abc")]
    [TestCase(0, "...")]
    public void Escape_TextAroundTheLimit_IsCutAboveIt(int maxLength, string expected) =>
        Assert.That(ClientText.Escape("abc"u8, maxLength), Is.EqualTo(expected));

    [Test]
    public void Escape_CutInsideACharacter_StillWritesItsOctets() => Assert.That(ClientText.Escape("é!"u8, maxLength: 1), Is.EqualTo(@"\303..."));

    [Test]
    public void Escape_Sequence_IsTheSameAsTheSpanAtEverySplit()
    {
        var text = "MAIL FROM:<a\tb@é>\r\n"u8.ToArray();
        for (var split = 0; split <= text.Length; split++)
        {
            for (var maxLength = 0; maxLength <= text.Length + 1; maxLength++)
                Assert.That(ClientText.Escape(Split(text, split), maxLength), Is.EqualTo(ClientText.Escape(text, maxLength)),
                    $"split {split}, at most {maxLength}");
        }
    }

    [TestCase("a", "\"a\"")]
    [TestCase("x\" status=\"ok", "\"x\\\" status=\\\"ok\"")]
    [TestCase("\\\"\n", "\"\\\\\\\"\\n\"")]
    [TestCase("abcdef", "\"abcde...\"")]
    public void Quote_Text_CannotEndItsQuotes(string text, string expected) =>
        Assert.That(ClientText.Quote(Encoding.UTF8.GetBytes(text), maxLength: text.Length == 6 ? 5 : 256), Is.EqualTo(expected));

    [Test]
    public void Quote_Sequence_IsTheSameAsTheSpan() =>
        Assert.That(ClientText.Quote(Split("a\"b"u8.ToArray(), 2)), Is.EqualTo(ClientText.Quote("a\"b"u8)));

    private static ReadOnlySequence<byte> Split(byte[] text, int at)
    {
        var second = new Segment(text.AsMemory(at), at);
        var first = new Segment(text.AsMemory(0, at), 0, second);
        return new ReadOnlySequence<byte>(first, 0, second, text.Length - at);
    }

    private static byte[] Unescape(string escaped)
    {
        var octets = new List<byte>();
        for (var i = 0; i < escaped.Length; i++)
        {
            if (escaped[i] != '\\')
            {
                octets.Add((byte)escaped[i]);
            }
            else if ("abtnvfr".IndexOf(escaped[++i]) is >= 0 and var letter)
            {
                octets.Add((byte)(letter + 7));
            }
            else if (escaped[i] == '\\')
            {
                octets.Add((byte)'\\');
            }
            else
            {
                octets.Add(Convert.ToByte(escaped.Substring(i, 3), 8));
                i += 2;
            }
        }

        return [.. octets];
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory, long runningIndex, Segment? next = null)
        {
            Memory = memory;
            RunningIndex = runningIndex;
            Next = next;
        }
    }
}
