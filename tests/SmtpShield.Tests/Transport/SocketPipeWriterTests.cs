using System.Buffers;
using System.IO.Pipelines;
using SmtpShield.Testing;
using SmtpShield.Transport;

namespace SmtpShield.Tests.Transport;

public class SocketPipeWriterTests
{
    private readonly Lock _gate = new();
    private CheckedBuffers _buffers = null!;
    private HalvedWriter _writer = null!;

    [SetUp]
    public void Make()
    {
        _buffers = new();
        _writer = new(_gate, _buffers);
    }

    // A client was greeted with what another one had said: a loop took the flush that had only begun for one that waits, and ended it.
    [Test]
    public void EndSend_ByALoopBetweenBeginAndSend_LeavesTheBufferToTheFlush()
    {
        _writer.Write("220 mail.example.com\r\n"u8);
        var octets = _writer.Begin();
        Assert.That(() => _writer.End(default), Throws.ArgumentNullException);
        var others = _buffers.Rent(octets.Array!.Length);
        "EHLO client.example\r\n"u8.CopyTo(others);

        Assert.That(octets.AsSpan().SequenceEqual("220 mail.example.com\r\n"u8));
        Assert.That(() => _writer.GetMemory(), Throws.InvalidOperationException);
    }

    [Test]
    public void Close_BetweenBeginAndSend_LeavesTheBufferToTheFlush()
    {
        _writer.Write("220 mail.example.com\r\n"u8);
        var octets = _writer.Begin();
        _writer.Close();
        var others = _buffers.Rent(octets.Array!.Length);
        "EHLO client.example\r\n"u8.CopyTo(others);

        Assert.That(octets.AsSpan().SequenceEqual("220 mail.example.com\r\n"u8));
        _writer.End(octets);
        Assert.That((_buffers.Taken, _buffers.Problems), Is.EqualTo((1, Array.Empty<string>())));
    }

    [Test]
    public void End_OfAFlush_GivesItsBufferBackAndLetsTheNextBegin()
    {
        _writer.Write("one"u8);
        _writer.End(_writer.Begin());
        var taken = _buffers.Taken;
        _writer.Write("two"u8);

        Assert.That((taken, _writer.UnflushedBytes, _writer.Begin().AsSpan().SequenceEqual("two"u8)), Is.EqualTo((0, 3, true)));
    }

    [Test]
    public void Close_OctetsWrittenAndNotFlushed_AreNobodysAndTheirBufferIsNotGivenBack()
    {
        _writer.Write("x"u8);
        _writer.Close();

        Assert.That((_writer.UnflushedBytes, _buffers.Taken, _writer.FlushAsync().AsTask().Result.IsCompleted), Is.EqualTo((0, 1, true)));
    }

    // A flush in its two halves, with whatever the test does in between.
    private sealed class HalvedWriter(Lock gate, ArrayPool<byte> buffers) : SocketPipeWriter(gate, buffers)
    {
        public override bool IsReady => true;

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
        {
            lock (Gate)
            {
                if (!TryBeginSend(out var octets, out var result))
                    return new(result);
                EndSend(octets);
                return default;
            }
        }

        public ArraySegment<byte> Begin()
        {
            lock (Gate)
                return TryBeginSend(out var octets, out _) ? octets : default;
        }

        public void End(ArraySegment<byte> octets)
        {
            lock (Gate)
                EndSend(octets);
        }
    }
}
