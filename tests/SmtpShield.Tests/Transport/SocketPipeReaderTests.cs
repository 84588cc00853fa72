using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Text;
using SmtpShield.Testing;
using SmtpShield.Transport;

namespace SmtpShield.Tests.Transport;

public class SocketPipeReaderTests
{
    private CheckedBuffers _buffers = null!;
    private ScriptedReader _reader = null!;

    [SetUp]
    public void Make()
    {
        _buffers = new();
        _reader = new(new(), _buffers);
    }

    [Test]
    public async Task Close_WhileAResultIsLookedAt_LeavesItsBufferToTheReader()
    {
        _reader.Arrive("MAIL FROM:<a@b>\r\n");
        var read = await _reader.ReadAsync();
        _reader.Close();
        Overwrite();
        var text = Text(read);
        _reader.AdvanceTo(read.Buffer.End);

        Assert.That((text, _buffers.Problems), Is.EqualTo(("MAIL FROM:<a@b>\r\n", Array.Empty<string>())));
    }

    [Test]
    public void Close_BeforeACompletedReadIsTaken_LeavesItsBufferToTheReader()
    {
        var reading = _reader.ReadAsync().AsTask();
        _reader.Arrive("EHLO a\r\n");
        _reader.Tell();
        _reader.Close();
        Overwrite();

        Assert.That((reading.IsCompletedSuccessfully, Text(reading.Result)), Is.EqualTo((true, "EHLO a\r\n")));
    }

    [Test]
    public async Task CancelPendingRead_WithOctetsKept_LendsThemUntilAdvanced()
    {
        _reader.Arrive("EH");
        var first = await _reader.ReadAsync();
        _reader.AdvanceTo(first.Buffer.Start, first.Buffer.End);
        var reading = _reader.ReadAsync().AsTask();
        _reader.CancelPendingRead();
        _reader.Close();
        Overwrite();

        Assert.That((reading.Result.IsCanceled, Text(reading.Result)), Is.EqualTo((true, "EH")));
    }

    [Test]
    public async Task AdvanceTo_TheEnd_GivesTheBufferBackOnce()
    {
        _reader.Arrive("x");
        var read = await _reader.ReadAsync();
        var taken = _buffers.Taken;
        _reader.AdvanceTo(read.Buffer.End);
        _reader.Close();

        Assert.That((taken, _buffers.Taken, _buffers.Problems), Is.EqualTo((1, 0, Array.Empty<string>())));
    }

    [Test]
    public async Task Close_OctetsNobodyLooksAt_GivesTheirBufferBack()
    {
        _reader.Arrive("EHLO");
        var read = await _reader.ReadAsync();
        _reader.AdvanceTo(read.Buffer.GetPosition(2));
        _reader.Close();

        Assert.That(_buffers.Taken, Is.Zero);
    }

    // Another session receives.
    private void Overwrite() => _buffers.Rent(4096).AsSpan().Fill((byte)'!');

    private static string Text(ReadResult read) => Encoding.ASCII.GetString(read.Buffer.ToArray());

    private sealed class ScriptedReader(Lock gate, ArrayPool<byte> buffers) : SocketPipeReader(gate, buffers)
    {
        private readonly Queue<byte[]> _arrived = [];

        public override bool IsReady => _arrived.Count > 0;

        public void Arrive(string octets) => _arrived.Enqueue(Encoding.ASCII.GetBytes(octets));

        public void Tell()
        {
            Completion<ReadResult>.Continuation continuation;
            lock (Gate)
                continuation = EndWait(null);
            continuation.Run();
        }

        protected override bool TryBeginWait(out Exception? failure)
        {
            failure = null;
            return _arrived.Count == 0;
        }

        protected override int Receive(Span<byte> buffer, out SocketError error)
        {
            var octets = _arrived.Dequeue();
            octets.CopyTo(buffer);
            error = SocketError.Success;
            return octets.Length;
        }
    }
}
