using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using SmtpShield.Mta;
using SmtpShield.Protocol;
using SmtpShield.Tests.Protocol;

namespace SmtpShield.Tests.Mta;

internal sealed class UpstreamReplyTests
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
    [TestCase("220\rX\r\n", "220 X\r\n", 220, TestName = "Read_CrForFourthByte_BecomesBlank")]
    [TestCase("220\r\r\n", "220 \r\n", 220, TestName = "Read_CrBehindTheCode_BecomesBlank")]
    [CancelAfter(10_000)]
    public async Task Read_SplitAtEveryByte_SameGreeting(string input, string expected, int code, CancellationToken cancellationToken)
    {
        var bytes = Encoding.Latin1.GetBytes(input + "BEHIND\r\n");
        for (var split = 0; split <= input.Length; split++)
        {
            var pipe = new Pipe();
            await pipe.Writer.WriteAsync(bytes.AsMemory(0, split), cancellationToken);
            var reading = UpstreamReply.ReadAsync(pipe.Reader, cancellationToken);
            await pipe.Writer.WriteAsync(bytes.AsMemory(split), cancellationToken);

            var (status, text, read) = await reading;
            var rest = pipe.Reader.TryRead(out var result) ? Encoding.Latin1.GetString(result.Buffer) : "";
            Assert.That(
                (status, Encoding.Latin1.GetString(text), read, rest), Is.EqualTo((ReplyStatus.Complete, expected, code, "BEHIND\r\n")), $"split at {split}");
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
    public void Read_NotAReply_Malformed(string input)
    {
        Assert.That(new ReplyReader().TryRead(new(Encoding.Latin1.GetBytes(input)), out _), Is.EqualTo(ReplyStatus.Malformed));
    }

    [TestCase(ProtocolLimits.ReplyLine, ReplyStatus.Complete)]
    [TestCase(ProtocolLimits.ReplyLine + 1, ReplyStatus.Malformed)]
    public void Read_LineAtItsBound(int length, ReplyStatus expected)
    {
        Assert.That(new ReplyReader().TryRead(new(Encoding.ASCII.GetBytes("220 ".PadRight(length - 2, 'x') + "\r\n")), out _), Is.EqualTo(expected));
    }

    [TestCase(ProtocolLimits.ReplyLine - 1, ReplyStatus.NeedMore)]
    [TestCase(ProtocolLimits.ReplyLine, ReplyStatus.Malformed)]
    public void Read_LineWithoutEndAtItsBound(int length, ReplyStatus expected)
    {
        Assert.That(new ReplyReader().TryRead(new(Encoding.ASCII.GetBytes("220 ".PadRight(length, 'x'))), out _), Is.EqualTo(expected));
    }

    [TestCase(ProtocolLimits.ReplyLines, ReplyStatus.Complete)]
    [TestCase(ProtocolLimits.ReplyLines + 1, ReplyStatus.Malformed)]
    public void Read_LinesAtTheirBound(int lines, ReplyStatus expected)
    {
        Assert.That(new ReplyReader().TryRead(Lines(lines, "220-x\r\n"), out _), Is.EqualTo(expected));
    }

    [TestCase(64, ReplyStatus.Complete)]
    [TestCase(65, ReplyStatus.Malformed)]
    public void Read_LengthAtItsBound(int lines, ReplyStatus expected)
    {
        var line = "220-".PadRight(1022, 'x') + "\r\n";

        Assert.That(new ReplyReader().TryRead(Lines(lines, line), out _), Is.EqualTo(expected));
    }

    [Test, CancelAfter(10_000)]
    public async Task ReadAsync_BytesBehindGreeting_StayUnread(CancellationToken cancellationToken)
    {
        var pipe = new Pipe();
        await pipe.Writer.WriteAsync("220 mx\r\n250 early"u8.ToArray(), cancellationToken);

        await UpstreamReply.ReadAsync(pipe.Reader, cancellationToken);

        Assert.That(pipe.Reader.TryRead(out var rest) ? Encoding.ASCII.GetString(rest.Buffer) : null, Is.EqualTo("250 early"));
    }

    [Test, CancelAfter(10_000)]
    public async Task ReadAsync_ClosedInTheMiddle_NeedMore(CancellationToken cancellationToken)
    {
        var pipe = new Pipe();
        await pipe.Writer.WriteAsync("220-mx\r\n220 x"u8.ToArray(), cancellationToken);
        await pipe.Writer.CompleteAsync();

        var (status, _, _) = await UpstreamReply.ReadAsync(pipe.Reader, cancellationToken);

        Assert.That(status, Is.EqualTo(ReplyStatus.NeedMore));
    }

    private static readonly string[] _parts =
    [
        "250-", "250-", "250 ", "250 ", "550 ", "250", "2", "5", "0", "-", " ", "\r\n", "\r\n", "\r\n", "\n", "\r", "\0", "a",
    ];

    // The session reads from a buffer that grows; before it, the pipe is read. In whatever pieces: one decision, one reply.
    [Test]
    public void ReadAsync_AnyOctetsInAnyPieces_IsWhatASessionSees() => AnyOctets.Check(_parts, static any =>
    {
        var pipe = new Pipe();
        var reading = UpstreamReply.ReadAsync(pipe.Reader, CancellationToken.None);
        var session = new ReplyReader();
        var (seen, reply) = (ReplyStatus.NeedMore, default(ReplyFrame));
        foreach (var end in any.Cuts.Where(cut => cut < any.Octets.Length).Append(any.Octets.Length).Distinct().Order())
        {
            if (seen is ReplyStatus.NeedMore)
                seen = session.TryRead(new(any.Octets.AsMemory(0, end)), out reply);
        }

        foreach (var segment in any.Sequence)
        {
            if (reading.IsCompleted)
                break;
            pipe.Writer.Write(segment.Span);
            pipe.Writer.FlushAsync().AsTask().GetAwaiter().GetResult();
        }

        pipe.Writer.Complete();
        var read = reading.AsTask().GetAwaiter().GetResult();
        if (read.Status != seen)
            return false;
        if (seen is not ReplyStatus.Complete)
            return true;

        var written = new ArrayBufferWriter<byte>();
        ReplyReader.CopyTo(reply, written);
        return read.Code == reply.Code && written.WrittenSpan.SequenceEqual(read.Text);
    }, longest: 12);

    // A hundred thousand octets looked at, not billions: what has been looked at is not looked at again.
    [Test]
    public void TryRead_OctetByOctet_AllocatesNothing()
    {
        var octets = Lines(200, "220-" + new string('x', 300) + "\r\n").ToArray();
        var reader = new ReplyReader();
        var before = GC.GetAllocatedBytesForCurrentThread();
        var status = ReplyStatus.NeedMore;
        for (var length = 1; length <= octets.Length; length++)
            status = reader.TryRead(new ReadOnlySequence<byte>(octets, 0, length), out _);

        Assert.That((status, GC.GetAllocatedBytesForCurrentThread() - before), Is.EqualTo((ReplyStatus.Complete, 0L)));
    }

    private static ReadOnlySequence<byte> Lines(int count, string line) =>
        new(Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat(line, count - 1)) + line.Replace("220-", "220 ", StringComparison.Ordinal)));
}
