using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using SmtpShield.Upstream;

namespace SmtpShield.Tests.Upstream;

internal sealed class GreetingReaderTests
{
    [TestCase("220 mx ESMTP\r\n", "220 mx ESMTP\r\n", 220)]
    [TestCase("220 mx ESMTP\n", "220 mx ESMTP\r\n", 220, TestName = "Read_LfEnds_BecomeCrLf")]
    [TestCase("220\r\n", "220\r\n", 220)]
    [TestCase("220 \r\n", "220 \r\n", 220)]
    [TestCase("220-mx\r\n220-\n220-221 text\r\n220 ESMTP\r\n", "220-mx\r\n220-\r\n220-221 text\r\n220 ESMTP\r\n", 220)]
    [TestCase("554 5.7.1 no\r\n", "554 5.7.1 no\r\n", 554)]
    [TestCase("421 a\r421 b\r\n", "421 a 421 b\r\n", 421, TestName = "Read_LoneCr_BecomesBlank")]
    [TestCase("220 a\r\r\n", "220 a \r\n", 220, TestName = "Read_CrBeforeLineEnd_BecomesBlank")]
    [TestCase("220 \u00e9\u0001\r\n", "220 \u00e9\u0001\r\n", 220, TestName = "Read_Binary_TextIsOpaque")]
    [TestCase("220 a\0b\r\n", "220 a b\r\n", 220, TestName = "Read_Nul_BecomesBlank")]
    public void Read_SplitAtEveryByte_SameGreeting(string input, string expected, int code)
    {
        var bytes = Encoding.Latin1.GetBytes(input + "BEHIND\r\n");
        for (var split = 0; split <= input.Length; split++)
        {
            var greeting = new GreetingReader();
            var rest = 0;
            var status = GreetingStatus.NeedMore;
            foreach (var end in (int[])[split, bytes.Length])
            {
                if (status is not GreetingStatus.NeedMore)
                    break;
                var buffer = new ReadOnlySequence<byte>(bytes, rest, end - rest);
                status = greeting.Read(buffer, out var consumed);
                rest += (int)buffer.GetOffset(consumed) - (int)buffer.GetOffset(buffer.Start);
            }

            Assert.That((status, Encoding.Latin1.GetString(greeting.Text), greeting.Code, rest),
                Is.EqualTo((GreetingStatus.Complete, expected, code, input.Length)), $"split at {split}");
        }
    }

    [TestCase("SSH-2.0-OpenSSH\r\n")]
    [TestCase("\r\n")]
    [TestCase("22\r\n")]
    [TestCase("22x ok\r\n")]
    [TestCase("2200 ok\r\n")]
    [TestCase("220_ok\r\n")]
    [TestCase(" 220 ok\r\n")]
    [TestCase("199 ok\r\n")]
    [TestCase("600 ok\r\n")]
    [TestCase("220-a\r\n250 b\r\n")]
    [TestCase("220-a\r\n\r\n")]
    [TestCase("220\r\r\n", TestName = "Read_CrForFourthByte_Malformed")]
    public void Read_NotAReply_Malformed(string input)
    {
        var greeting = new GreetingReader();

        Assert.That(greeting.Read(new(Encoding.Latin1.GetBytes(input)), out _), Is.EqualTo(GreetingStatus.Malformed));
    }

    [TestCase(GreetingReader.MaxLineLength, GreetingStatus.Complete)]
    [TestCase(GreetingReader.MaxLineLength + 1, GreetingStatus.Malformed)]
    public void Read_LineAtItsBound(int length, GreetingStatus expected)
    {
        var greeting = new GreetingReader();

        Assert.That(greeting.Read(new(Encoding.ASCII.GetBytes("220 ".PadRight(length - 2, 'x') + "\r\n")), out _), Is.EqualTo(expected));
    }

    [TestCase(GreetingReader.MaxLineLength - 1, GreetingStatus.NeedMore)]
    [TestCase(GreetingReader.MaxLineLength, GreetingStatus.Malformed)]
    public void Read_LineWithoutEndAtItsBound(int length, GreetingStatus expected)
    {
        var greeting = new GreetingReader();

        Assert.That(greeting.Read(new(Encoding.ASCII.GetBytes("220 ".PadRight(length, 'x'))), out _), Is.EqualTo(expected));
    }

    [TestCase(GreetingReader.MaxLines, GreetingStatus.Complete)]
    [TestCase(GreetingReader.MaxLines + 1, GreetingStatus.Malformed)]
    public void Read_LinesAtTheirBound(int lines, GreetingStatus expected)
    {
        var greeting = new GreetingReader();

        Assert.That(greeting.Read(Lines(lines, "220-x\r\n"), out _), Is.EqualTo(expected));
    }

    [TestCase(64, GreetingStatus.Complete)]
    [TestCase(65, GreetingStatus.Malformed)]
    public void Read_LengthAtItsBound(int lines, GreetingStatus expected)
    {
        var greeting = new GreetingReader();
        var line = "220-".PadRight(1022, 'x') + "\r\n";

        Assert.That(greeting.Read(Lines(lines, line), out _), Is.EqualTo(expected));
    }

    [Test, CancelAfter(10_000)]
    public async Task ReadAsync_BytesBehindGreeting_StayUnread(CancellationToken cancellationToken)
    {
        var pipe = new Pipe();
        await pipe.Writer.WriteAsync("220 mx\r\n250 early"u8.ToArray(), cancellationToken);

        await GreetingReader.ReadAsync(pipe.Reader, cancellationToken);

        Assert.That(pipe.Reader.TryRead(out var rest) ? Encoding.ASCII.GetString(rest.Buffer) : null, Is.EqualTo("250 early"));
    }

    [Test, CancelAfter(10_000)]
    public async Task ReadAsync_ClosedInTheMiddle_NeedMore(CancellationToken cancellationToken)
    {
        var pipe = new Pipe();
        await pipe.Writer.WriteAsync("220-mx\r\n220 x"u8.ToArray(), cancellationToken);
        await pipe.Writer.CompleteAsync();

        var (status, _, _) = await GreetingReader.ReadAsync(pipe.Reader, cancellationToken);

        Assert.That(status, Is.EqualTo(GreetingStatus.NeedMore));
    }

    private static ReadOnlySequence<byte> Lines(int count, string line) =>
        new(Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat(line, count - 1)) + line.Replace("220-", "220 ", StringComparison.Ordinal)));
}
