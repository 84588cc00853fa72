using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Reflection;
using SmtpShield.Transport;

namespace SmtpShield.FunctionalTests.Transport;

[CancelAfter(30_000)]
public class SocketConnectionTests
{
    private SocketConnection _connection = null!;
    private Socket _peer = null!;

    [SetUp]
    public void Connect() => (_connection, _peer) = Pair();

    [TearDown]
    public async Task Close()
    {
        await _connection.DisposeAsync();
        _peer.Dispose();
    }

    [Test]
    public async Task ReadAsync_BytesInPieces_KeepsWhatWasNotTaken()
    {
        _peer.Send("abc"u8);
        var first = await _connection.Input.ReadAsync();
        _connection.Input.AdvanceTo(first.Buffer.GetPosition(1), first.Buffer.End);
        var second = _connection.Input.ReadAsync();
        var wasPending = !second.IsCompleted;
        _peer.Send("d"u8);

        Assert.That((wasPending, Text(await second)), Is.EqualTo((true, "bcd")));
    }

    [Test]
    public async Task ReadAsync_NotExaminedToTheEnd_IsThereAgain()
    {
        _peer.Send("abc"u8);
        var first = await _connection.Input.ReadAsync();
        var slice = first.Buffer.Slice(1).Slice(1);
        _connection.Input.AdvanceTo(slice.Start);

        Assert.That(_connection.Input.TryRead(out var again) ? Text(again) : null, Is.EqualTo("c"));
    }

    [Test]
    public async Task ReadAsync_PeerEnds_IsCompletedAndStaysSo()
    {
        _peer.Send("x"u8);
        var read = await _connection.Input.ReadAsync();
        _connection.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        _peer.Shutdown(SocketShutdown.Send);
        var end = await _connection.Input.ReadAsync();
        _connection.Input.AdvanceTo(end.Buffer.End);
        var again = await _connection.Input.ReadAsync();

        Assert.That((Text(end), end.IsCompleted, again.IsCompleted, again.Buffer.IsEmpty), Is.EqualTo(("x", true, true, true)));
    }

    [Test]
    public void ReadAsync_PeerResets_Throws()
    {
        var read = _connection.Input.ReadAsync().AsTask();
        _peer.Close(0);

        Assert.That(async () => await read, Throws.InstanceOf<IOException>());
        Assert.That(async () => await _connection.Input.ReadAsync(), Throws.InstanceOf<IOException>());
    }

    [Test]
    public void ReadAsync_AfterAbort_ThrowsWhatReadersExpect()
    {
        _connection.Abort();

        Assert.That(async () => await _connection.Input.ReadAsync(), Throws.InstanceOf<IOException>());
    }

    [Test]
    public void Abort_ReadUnderWay_EndsIt()
    {
        var read = _connection.Input.ReadAsync().AsTask();
        _connection.Abort();

        Assert.That(async () => await read, Throws.InstanceOf<IOException>());
    }

    [Test]
    public void ReadAsync_TwoAtATime_IsRefused()
    {
        _ = _connection.Input.ReadAsync().AsTask();

        Assert.That(() => _connection.Input.ReadAsync(), Throws.InvalidOperationException);
    }

    [Test]
    public async Task ReadAsync_NothingTakenOfTheMost_IsRefusedBeforeItWaits()
    {
        var sending = SendAllAsync(_peer, new byte[SocketPipeReader.MostBuffered]);
        while (true)
        {
            var read = await _connection.Input.ReadAsync();
            _connection.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            if (read.Buffer.Length == SocketPipeReader.MostBuffered)
                break;
        }

        await sending;
        Assert.That(() => _connection.Input.ReadAsync(), Throws.InvalidOperationException);
    }

    [Test]
    public async Task ReadAsync_CancelledByToken_TheNextReadUsesTheSameReceive()
    {
        using var stop = new CancellationTokenSource();
        var cancelled = _connection.Input.ReadAsync(stop.Token).AsTask();
        await stop.CancelAsync();
        Assert.That(async () => await cancelled, Throws.InstanceOf<OperationCanceledException>());
        var next = _connection.Input.ReadAsync();
        _peer.Send("abc"u8);

        Assert.That(Text(await next), Is.EqualTo("abc"));
    }

    [Test]
    public async Task Cancel_OfAnEarlierRead_LeavesTheNextOneAlone()
    {
        // The registration's callback may already run when its read completes: here it comes late.
        using var stop = new CancellationTokenSource();
        _peer.Send("a"u8);
        var first = await _connection.Input.ReadAsync(stop.Token);
        _connection.Input.AdvanceTo(first.Buffer.End);
        var next = _connection.Input.ReadAsync();
        typeof(SocketPipeReader).GetMethod("Cancel", BindingFlags.Instance | BindingFlags.NonPublic)!.Invoke(_connection.Input, [stop.Token]);
        _peer.Send("b"u8);

        Assert.That(Text(await next), Is.EqualTo("b"));
    }

    [Test]
    public async Task CancelPendingRead_NoReadUnderWay_EndsTheNext()
    {
        _connection.Input.CancelPendingRead();
        var read = await _connection.Input.ReadAsync();
        var next = _connection.Input.ReadAsync();

        Assert.That((read.IsCanceled, next.IsCompleted), Is.EqualTo((true, false)));
    }

    [Test]
    public async Task CancelPendingRead_BytesComeAtTheSameMoment_TheReadIsOverAndNoByteIsLost()
    {
        const int Rounds = 3000;
        var sender = Task.Run(() =>
        {
            for (var round = 0; round < Rounds; round++)
                _peer.Send([(byte)round]);
            _peer.Shutdown(SocketShutdown.Send);
        });
        var received = 0;
        var ended = false;
        while (!ended)
        {
            var read = _connection.Input.ReadAsync();
            _connection.Input.CancelPendingRead();
            Assert.That(read.IsCompleted, "who has cancelled a read takes its result at once");
            var result = await read;
            foreach (var octet in result.Buffer.ToArray())
                Assert.That(octet, Is.EqualTo((byte)received++));
            _connection.Input.AdvanceTo(result.Buffer.End);
            ended = result.IsCompleted;
            if (!result.IsCanceled && !ended && _connection.Input.TryRead(out var cancelled))
                _connection.Input.AdvanceTo(cancelled.Buffer.End);
        }

        await sender;
        Assert.That(received, Is.EqualTo(Rounds));
    }

    [Test]
    public async Task DisposeAsync_ReceiveUnderWay_ThePeerReadsTheLastReplyAndTheEnd()
    {
        for (var round = 0; round < 200; round++)
        {
            var (connection, peer) = Pair();
            using (peer)
            {
                var read = connection.Input.ReadAsync();
                connection.Input.CancelPendingRead();
                await read;
                connection.Output.Write("421 bye\r\n"u8);
                await connection.Output.FlushAsync();
                await connection.DisposeAsync();

                Assert.That(await ReadToEndAsync(peer), Has.Length.EqualTo(9));
            }
        }
    }

    [Test]
    public async Task DisposeAsync_InputNobodyHasRead_ThePeerReadsTheEndAndNoReset()
    {
        _peer.Send(new byte[60_000]);
        await _connection.Input.ReadAsync();
        await _connection.DisposeAsync();

        // Behind FIN a reset no longer ends a read with an error: it waits there for who asks.
        Assert.That((await ReadToEndAsync(_peer, ownsSocket: false), _peer.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.Error)),
            Is.EqualTo((Array.Empty<byte>(), 0)));
    }

    [Test]
    public async Task DisposeAsync_ReadUnderWay_EndsTheRead()
    {
        var read = _connection.Input.ReadAsync().AsTask();
        await _connection.DisposeAsync();
        try
        {
            Assert.That((await read).IsCompleted);
        }
        catch (IOException)
        {
            // Whether the end comes as one or as an error depends on who is first.
        }
    }

    [Test]
    public async Task DisposeAsync_SendUnderWay_EndsItAndGivesTheBufferBackOnce()
    {
        var flush = FlushUntilHeldUp();
        await _connection.DisposeAsync();

        Assert.That((await flush).IsCompleted);
        Assert.That(Held(), Is.Zero);
    }

    [Test]
    public async Task DisposeAsync_PeerHasReset_Ends()
    {
        _ = _connection.Input.ReadAsync().AsTask().ContinueWith(static read => read.Exception, TaskScheduler.Default);
        _peer.Close(0);

        await _connection.DisposeAsync();
        await _connection.DisposeAsync();
    }

    [Test]
    public async Task DisposeAsync_BytesEndsAndAbortsAtTheSameMoment_AlwaysEnds()
    {
        var seed = TestContext.CurrentContext.Random.Next();
        await TestContext.Out.WriteLineAsync($"seed {seed}");
        var random = new Random(seed);
        for (var round = 0; round < 1500; round++)
        {
            var (connection, peer) = Pair();
            var read = connection.Input.ReadAsync().AsTask();
            connection.Output.Write(new byte[random.Next(1, 300_000)]);
            var flush = connection.Output.FlushAsync().AsTask();
            var what = random.Next(5);
            var disturb = Task.Run(() =>
            {
                switch (what)
                {
                    case 0: peer.Send("abc"u8); break;
                    case 1: peer.Shutdown(SocketShutdown.Send); break;
                    case 2: peer.Close(0); break;
                    case 3: connection.Abort(); break;
                    default: connection.Input.CancelPendingRead(); break;
                }
            });
            await connection.DisposeAsync();
            await disturb;
            await flush;
            try
            {
                await read;
            }
            catch (IOException)
            {
                // As good an end as any.
            }

            peer.Dispose();
            Assert.That(Held(connection), Is.Zero);
        }
    }

    [Test]
    public async Task FlushAsync_Aborted_IsCompleted()
    {
        var flush = FlushUntilHeldUp();
        _connection.Abort();

        Assert.That((await flush).IsCompleted);
    }

    [Test]
    public async Task FlushAsync_AfterAbort_IsCompleted()
    {
        _connection.Abort();
        _connection.Output.Write("x"u8);

        Assert.That((await _connection.Output.FlushAsync()).IsCompleted);
    }

    [Test]
    public async Task FlushAsync_PeerGone_IsCompletedInTheEnd()
    {
        _peer.Close(0);
        FlushResult result;
        do
        {
            _connection.Output.Write("x"u8);
            result = await _connection.Output.FlushAsync();
        }
        while (!result.IsCompleted);

        Assert.That(Held(), Is.Zero);
    }

    [Test]
    public void GetMemory_FlushUnderWay_IsRefused()
    {
        _ = FlushUntilHeldUp().AsTask();

        Assert.That(() => _connection.Output.GetMemory(), Throws.InvalidOperationException);
        Assert.That(() => _connection.Output.FlushAsync(), Throws.InvalidOperationException);
        Assert.That(_connection.Output.UnflushedBytes, Is.Zero);
    }

    [Test]
    public async Task FlushAsync_MoreThanTheKernelTakes_IsCompleteWhenAllIsRead()
    {
        var sent = new byte[8 << 20];
        new Random(1).NextBytes(sent);
        _connection.Output.Write(sent);
        var flush = _connection.Output.FlushAsync().AsTask();
        var received = new byte[sent.Length];
        for (var count = 0; count < received.Length;)
            count += await _peer.ReceiveAsync(received.AsMemory(count));

        Assert.That(((await flush).IsCompleted, received.AsSpan().SequenceEqual(sent)), Is.EqualTo((false, true)));
    }

    [Test]
    public async Task Idle_AfterADialogue_HoldsNoBuffer()
    {
        _peer.Send("EHLO x\r\n"u8);
        var read = await _connection.Input.ReadAsync();
        _connection.Output.Write("250 y\r\n"u8);
        await _connection.Output.FlushAsync();
        _connection.Input.AdvanceTo(read.Buffer.End);
        _ = _connection.Input.ReadAsync().AsTask().ContinueWith(static task => task.Exception, TaskScheduler.Default);

        Assert.That(Held(), Is.Zero);
    }

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    [TestCase(0, Description = "another seed each time")]
    public async Task Stress_RandomChunksAndCancels_WhatArrivesIsWhatWasSent(int fixedSeed)
    {
        var seed = fixedSeed != 0 ? fixedSeed : TestContext.CurrentContext.Random.Next();
        await TestContext.Out.WriteLineAsync($"seed {seed}");
        var runs = Enumerable.Range(0, 8).Select(run => Task.Run(() => StressAsync(unchecked(seed + (run * 7919)))));

        await Task.WhenAll(runs);
    }

    private static async Task StressAsync(int seed)
    {
        var random = new Random(seed);
        using var listener = Listen();
        var dialing = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await dialing.ConnectAsync(listener.LocalEndPoint!);
        await using var from = new SocketConnection(dialing);
        await using var to = new SocketConnection(await listener.AcceptAsync());
        var octets = new byte[random.Next(1, 2 << 20)];
        random.NextBytes(octets);
        var sending = WriteAsync(from, octets, new Random(seed + 1));
        var received = 0;
        while (true)
        {
            ReadResult read;
            using var stop = new CancellationTokenSource();
            var kind = random.Next(4);
            var pending = to.Input.ReadAsync(kind == 1 ? stop.Token : default);
            var cancelling = kind switch
            {
                1 => Task.Run(stop.Cancel),
                2 => Task.Run(to.Input.CancelPendingRead),
                _ => Task.CompletedTask,
            };
            try
            {
                read = await pending;
            }
            catch (OperationCanceledException) when (kind == 1)
            {
                await cancelling;
                continue;
            }

            var buffer = read.Buffer;
            Assert.That(buffer.ToArray().AsSpan().SequenceEqual(octets.AsSpan(received, (int)buffer.Length)), $"at {received}, seed {seed}");
            var taken = read.IsCompleted || buffer.Length >= SocketPipeReader.MostBuffered ? buffer.Length : random.NextInt64(buffer.Length + 1);
            received += (int)taken;
            var consumed = buffer.GetPosition(taken);
            to.Input.AdvanceTo(consumed, random.Next(2) == 0 ? consumed : buffer.End);
            await cancelling;
            if (read.IsCompleted)
                break;
        }

        await sending;
        Assert.That(received, Is.EqualTo(octets.Length), $"seed {seed}");
    }

    private static async Task WriteAsync(SocketConnection to, byte[] octets, Random random)
    {
        for (var start = 0; start < octets.Length;)
        {
            var count = Math.Min(random.Next(1, random.Next(3) == 0 ? 200_000 : 500), octets.Length - start);
            to.Output.Write(octets.AsSpan(start, count));
            start += count;
            if (random.Next(3) != 0)
                await to.Output.FlushAsync();
        }

        await to.Output.FlushAsync();
        to.Socket.Shutdown(SocketShutdown.Send);
    }

    private static Socket Listen()
    {
        var listener = new Socket(SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.IPv6Loopback, 0));
        listener.Listen(1);
        return listener;
    }

    private static (SocketConnection Connection, Socket Peer) Pair()
    {
        using var listener = Listen();
        var peer = new Socket(SocketType.Stream, ProtocolType.Tcp);
        peer.Connect(listener.LocalEndPoint!);
        return (new SocketConnection(listener.Accept()), peer);
    }

    private static string Text(ReadResult read) => System.Text.Encoding.ASCII.GetString(read.Buffer.ToArray());

    private static Task<int> SendAllAsync(Socket socket, byte[] octets) => Task.Run(() => socket.Send(octets));

    private static async Task<byte[]> ReadToEndAsync(Socket socket, bool ownsSocket = true)
    {
        await using var stream = new NetworkStream(socket, ownsSocket);
        using var all = new MemoryStream();
        await stream.CopyToAsync(all);
        return all.ToArray();
    }

    private static int Held(SocketConnection connection)
    {
        static int Length(object pipe) => ((byte[])pipe.GetType().GetField("_buffer", BindingFlags.Instance | BindingFlags.NonPublic)!.GetValue(pipe)!).Length;

        return Length(connection.Input) + Length(connection.Output);
    }

    private int Held() => Held(_connection);

    // The peer does not read: after some megabytes the kernel takes no more.
    private ValueTask<FlushResult> FlushUntilHeldUp()
    {
        while (true)
        {
            _connection.Output.Write(new byte[4 << 20]);
            var flush = _connection.Output.FlushAsync();
            if (!flush.IsCompleted)
                return flush;
            flush.GetAwaiter().GetResult();
        }
    }
}
