using System.Buffers;
using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Text;
using SmtpShield.Testing;
using SmtpShield.Transport.Epoll;

namespace SmtpShield.FunctionalTests.Transport;

/// <summary>The writer alone, on a socket that no loop watches: what a loop tells, and who closes, comes exactly when the test says so.</summary>
[Platform("Linux")]
[SupportedOSPlatform("linux")]
[CancelAfter(120_000)]
public class EpollWriterTests
{
    // More than the kernel takes of a peer that does not read.
    private const int Much = 512 << 10;
    private const int ReceiveBuffer = 32 << 10;
    private const int SendBuffer = 16 << 10;

    // setsockopt(2): asm-generic/socket.h.
    private const int SoSendBuffer = 7;

    private static readonly string[] s_steps = ["write", "flush", "flush much", "told of room", "peer reads", "broken", "closed"];

    private CheckedBuffers _buffers = null!;
    private Lock _gate = null!;
    private Descriptor _socket = null!;
    private Socket _peer = null!;
    private EpollWriter _writer = null!;

    [SetUp]
    public async Task Make() => await MakeAsync();

    [TearDown]
    public void End()
    {
        _socket.Dispose();
        _peer.Dispose();
        Assert.That(_buffers.Problems, Is.Empty);
    }

    [Test]
    public void NoteWritable_WithoutAFlush_LeavesWhatIsWrittenAlone()
    {
        _writer.Write("220 hello\r\n"u8);
        Tell();
        Tell();
        var flush = _writer.FlushAsync().AsTask();
        Tell();

        Assert.That((flush.IsCompletedSuccessfully, Received(), _buffers.Taken), Is.EqualTo((true, "220 hello\r\n", 0)));
    }

    [Test]
    public void FlushAsync_Waits_ItsBufferIsGivenBackByItsOwnEndOnly()
    {
        _writer.Write(new byte[Much]);
        var flush = _writer.FlushAsync().AsTask();
        var taken = new List<int> { _buffers.Taken };
        _writer.Close();
        taken.Add(_buffers.Taken);
        Tell();
        taken.Add(_buffers.Taken);
        lock (_gate)
            _writer.Break().Run();
        taken.Add(_buffers.Taken);
        Tell();

        Assert.That((flush.IsCompletedSuccessfully, flush.Result.IsCompleted), Is.EqualTo((true, true)));
        Assert.That(taken, Is.EqualTo([1, 1, 1, 0]));
    }

    [Test]
    public void Close_BetweenGetMemoryAndAdvance_LeavesTheBufferToWhoWrites()
    {
        var memory = _writer.GetMemory(10);
        _writer.Close();
        memory.Span.Fill((byte)'x');
        var next = _buffers.Rent(memory.Length);

        Assert.That(next, Is.All.Zero);
    }

    [Test]
    public async Task Steps_InEveryOrder_EachBufferHasOneUserAndThePeerReadsWhatWasFlushed()
    {
        foreach (var steps in Orders(4))
        {
            _socket.Dispose();
            _peer.Dispose();
            await MakeAsync();
            Play(steps);
        }
    }

    private static IEnumerable<string[]> Orders(int length) =>
        length == 0 ? [[]] : Orders(length - 1).SelectMany(static order => s_steps.Select(step => (string[])[.. order, step]));

    // Behind each step another session takes a buffer, writes into it, and gives it back: what is given back too early is its own then.
    private void Play(string[] steps)
    {
        var (flushed, unflushed, received) = (new StringBuilder(), new StringBuilder(), new StringBuilder());
        Task? pending = null;
        var isOver = false;
        foreach (var step in steps)
        {
            var isFlushing = pending is { IsCompleted: false };
            switch (step)
            {
                case "write" when !isFlushing:
                    Write("w");
                    break;
                case "flush" when !isFlushing:
                    Write("f");
                    Flush();
                    break;
                case "flush much" when !isFlushing:
                    Write(new string('m', Much));
                    Flush();
                    break;
                case "told of room":
                    Tell();
                    break;
                case "peer reads":
                    received.Append(Received());
                    break;
                case "broken":
                    isOver = true;
                    lock (_gate)
                        _writer.Break().Run();
                    break;
                case "closed":
                    isOver = true;
                    unflushed.Clear();
                    _writer.Close();
                    break;
            }

            foreach (var size in (int[])[4096, Much])
            {
                var others = _buffers.Rent(size);
                others.AsSpan().Fill((byte)'!');
                _buffers.Return(others);
            }
        }

        // The rest, if nothing has ended it.
        while (pending is { IsCompleted: false })
        {
            received.Append(Received());
            Tell();
        }

        // What was sent comes a moment later on a busy machine.
        SpinWait.SpinUntil(
            () =>
            {
                received.Append(Received());
                return isOver || received.Length >= flushed.Length;
            },
            TimeSpan.FromSeconds(10));
        var text = received.ToString();
        Assert.That(flushed.ToString().StartsWith(text, StringComparison.Ordinal) && (isOver || text.Length == flushed.Length),
            $"{string.Join(", ", steps)}: {text.Length} of {flushed.Length}");
        Assert.That(_buffers.Problems, Is.Empty, string.Join(", ", steps));

        void Write(string octets)
        {
            _writer.Write(Encoding.ASCII.GetBytes(octets));
            unflushed.Append(octets);
        }

        void Flush()
        {
            flushed.Append(unflushed);
            unflushed.Clear();
            pending = _writer.FlushAsync().AsTask();
        }
    }

    private async Task MakeAsync()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.ReceiveBufferSize = ReceiveBuffer;
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        (_buffers, _gate, _socket) = (new(), new(), SocketCalls.Create(AddressFamily.InterNetwork));
        _ = NativeMethods.SetOption(_socket, LinuxConstants.SolSocket, SoSendBuffer, SendBuffer, sizeof(int));
        _ = SocketCalls.Connect(_socket, (IPEndPoint)listener.LocalEndPoint!);
        _peer = await listener.AcceptAsync();
        _peer.Blocking = false;
        _writer = new(_socket, _gate, _buffers);
    }

    private void Tell()
    {
        lock (_gate)
            _writer.NoteWritable().Run();
    }

    private string Received()
    {
        var text = new StringBuilder();
        var buffer = new byte[1 << 20];
        while (_peer.Receive(buffer, SocketFlags.None, out _) is > 0 and var count)
            text.Append(Encoding.Latin1.GetString(buffer, 0, count));
        return text.ToString();
    }
}
