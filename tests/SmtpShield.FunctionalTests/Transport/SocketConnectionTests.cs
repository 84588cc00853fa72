using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Reflection;
using SmtpShield.Testing.Outside;
using SmtpShield.Transport;

namespace SmtpShield.FunctionalTests.Transport;

[TestFixtureSource(typeof(TestedTransport), nameof(TestedTransport.Names))]
[CancelAfter(30_000)]
public class SocketConnectionTests(string transport)
{
    private readonly TestedTransport _transport = new(transport);
    private TransportConnection _connection = null!;
    private Socket _peer = null!;

    [OneTimeTearDown]
    public void EndTransport() => _transport.Dispose();

    [SetUp]
    public async Task Connect() => (_connection, _peer) = await PairAsync();

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
        var text = Text(end);
        _connection.Input.AdvanceTo(end.Buffer.End);
        var again = await _connection.Input.ReadAsync();

        Assert.That((text, end.IsCompleted, again.IsCompleted, again.Buffer.IsEmpty), Is.EqualTo(("x", true, true, true)));
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
    public async Task ReadAsync_PeerResetsBehindOurEnd_IsItsEnd()
    {
        _connection.EndSending();
        _peer.LingerState = new(true, 0);
        _peer.Close();
        var read = await _connection.Input.ReadAsync();
        var again = await _connection.Input.ReadAsync();

        Assert.That((read.IsCompleted, read.Buffer.Length, again.IsCompleted), Is.EqualTo((true, 0, true)));
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
            var (connection, peer) = await PairAsync();
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
            var (connection, peer) = await PairAsync();
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

    [Test]
    public async Task ReadAsync_EndToldTogetherWithOctets_IsRead()
    {
        using var listener = Listen();
        using var acceptor = _transport.Value.Accept(listener);
        using var peer = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await peer.ConnectAsync(listener.LocalEndPoint!);
        peer.Send("QUIT\r\n"u8);
        peer.Shutdown(SocketShutdown.Send);
        await using var connection = (await acceptor.AcceptAsync(CancellationToken.None))!;
        var input = connection.Transport.Input;
        var text = "";
        var isEnded = false;
        while (!isEnded)
        {
            var read = await input.ReadAsync();
            text += Text(read);
            input.AdvanceTo(read.Buffer.End);
            isEnded = read.IsCompleted;
        }

        Assert.That(text, Is.EqualTo("QUIT\r\n"));
    }

    [Test]
    public async Task ReadAsync_OctetsBehindUrgentOnes_AreRead()
    {
        // A receive stops where the urgent octet was, although more is there.
        var read = _connection.Input.ReadAsync().AsTask();
        _peer.Send("NO"u8);
        var text = await ReadTextAsync(read, 2);
        _peer.Send("OP\r\n!"u8.ToArray(), SocketFlags.OutOfBand);
        _peer.Send("QUIT\r\n"u8);

        Assert.That(text + await ReadTextAsync(_connection.Input.ReadAsync().AsTask(), 10), Is.EqualTo("NOOP\r\nQUIT\r\n"));
    }

    [Test]
    public async Task ReadAsync_ManyMoreOctetsThanABuffer_AllAreRead()
    {
        var sent = new byte[1 << 20];
        new Random(1).NextBytes(sent);
        var sending = SendAllAsync(_peer, sent);
        var received = new List<byte>();
        while (received.Count < sent.Length)
        {
            var read = await _connection.Input.ReadAsync();
            received.AddRange(read.Buffer.ToArray());
            _connection.Input.AdvanceTo(read.Buffer.End);
        }

        await sending;
        Assert.That(received.ToArray().AsSpan().SequenceEqual(sent));
    }

    [Test]
    public async Task EndSending_ThePeerReadsTheEndAndMaySendOn()
    {
        _connection.Output.Write("bye"u8);
        await _connection.Output.FlushAsync();
        _connection.EndSending();
        _connection.EndSending();
        var end = await ReadToEndAsync(_peer, ownsSocket: false);
        _peer.Send("x"u8);

        Assert.That((end.Length, Text(await _connection.Input.ReadAsync())), Is.EqualTo((3, "x")));
    }

    [Test]
    public async Task EndSending_FlushUnderWay_EndsIt()
    {
        var flush = FlushUntilHeldUp();
        _connection.EndSending();

        Assert.That((await flush).IsCompleted);
    }

    [Test]
    public async Task HasInput_OctetsOrTheEnd_SaysOctets()
    {
        var before = _connection.HasInput;
        _peer.Send("x"u8);
        await SoonAsync(() => _connection.HasInput);
        var read = await _connection.Input.ReadAsync();
        _connection.Input.AdvanceTo(read.Buffer.End);
        _peer.Shutdown(SocketShutdown.Send);
        await SoonAsync(() => ((ISocketLook)_connection.Input).IsReady);

        Assert.That((before, _connection.HasInput), Is.EqualTo((false, false)));
    }

    [Test]
    public async Task IsReady_OfReaderAndWriter_IsAsTheSocketIs()
    {
        var (reader, writer) = ((ISocketLook)_connection.Input, (ISocketLook)_connection.Output);
        var before = (reader.IsReady, writer.IsReady);
        var flush = FlushUntilHeldUp();
        _peer.Send("x"u8);
        await SoonAsync(() => reader.IsReady);
        var full = (reader.IsReady, writer.IsReady);
        await _connection.DisposeAsync();
        await flush;

        Assert.That((before, full, reader.IsReady, writer.IsReady), Is.EqualTo(((false, true), (true, false), false, false)));
    }

    [Test]
    public async Task ConnectAsync_HasBothAddresses()
    {
        using var listener = Listen();
        await using var connection = await ConnectAsync(listener);
        using var accepted = await listener.AcceptAsync();

        Assert.That((connection.RemoteEndPoint, connection.LocalEndPoint), Is.EqualTo((listener.LocalEndPoint, accepted.RemoteEndPoint)));
    }

    [Test]
    public async Task ConnectAsync_FromASource_HasItsAddress()
    {
        var source = IPAddress.Parse("127.0.0.99");
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        TransportConnection connection;
        try
        {
            connection = (TransportConnection)await _transport.Value.ConnectAsync((IPEndPoint)listener.LocalEndPoint!, source, null, CancellationToken.None);
        }
        catch (TransparentSocketException error)
        {
            Assert.Ignore(error.Message);
            return;
        }

        await using var owned = connection;
        using var accepted = await listener.AcceptAsync();
        accepted.Send("220"u8);

        Assert.That((((IPEndPoint)accepted.RemoteEndPoint!).Address, Text(await connection.Input.ReadAsync())), Is.EqualTo((source, "220")));
    }

    [Test]
    public void ConnectAsync_FromASourceOfTheOtherIpVersion_Throws() => Assert.That(
        async () => await _transport.Value.ConnectAsync(new(IPAddress.Loopback, 25), IPAddress.IPv6Loopback, null, CancellationToken.None),
        Throws.InstanceOf<SocketException>().With.Property(nameof(SocketException.SocketErrorCode)).EqualTo(SocketError.AddressFamilyNotSupported));

    [Test]
    public void ConnectAsync_NobodyListens_SaysRefused()
    {
        var endpoint = new IPEndPoint(IPAddress.Loopback, LoopbackPorts.Take());

        Assert.That(async () => await _transport.Value.ConnectAsync(endpoint, null, null, CancellationToken.None),
            Throws.InstanceOf<SocketException>().With.Property(nameof(SocketException.SocketErrorCode)).EqualTo(SocketError.ConnectionRefused)
                .And.Message.StartsWith("Connection refused"));
    }

    [TestCase("0.0.0.0", 0)]
    [TestCase("240.0.0.1", 25)]
    [TestCase("ff02::1", 25)]
    [TestCase("2001:db8::1", 25)]
    public async Task ConnectAsync_NoWayThere_SaysWhatDotNetSays(string address, int port)
    {
        var endpoint = new IPEndPoint(IPAddress.Parse(address), port);
        using var inTime = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        using var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);

        async Task<string> ErrorOf(Func<Task> connect)
        {
            try
            {
                await connect();
                return "connected";
            }
            catch (SocketException exception)
            {
                return $"{exception.SocketErrorCode}";
            }
            catch (OperationCanceledException)
            {
                return "no answer";
            }
        }

        Assert.That(await ErrorOf(async () => await (await _transport.Value.ConnectAsync(endpoint, null, null, inTime.Token)).DisposeAsync()),
            Is.EqualTo(await ErrorOf(async () => await socket.ConnectAsync(endpoint, inTime.Token))));
    }

    [Test]
    public async Task ConnectAsync_NoAnswer_IsGivenUpByTheToken()
    {
        // Linux lets one more into the queue than it says; what comes then it drops.
        using var listener = Listen();
        using var first = new Socket(SocketType.Stream, ProtocolType.Tcp);
        using var second = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await first.ConnectAsync(listener.LocalEndPoint!);
        await second.ConnectAsync(listener.LocalEndPoint!);
        using var stop = new CancellationTokenSource();
        var connecting = _transport.Value.ConnectAsync((IPEndPoint)listener.LocalEndPoint!, null, null, stop.Token).AsTask();
        var wasPending = !connecting.IsCompleted;
        await stop.CancelAsync();

        Assert.That(wasPending);
        Assert.That(async () => await connecting, Throws.InstanceOf<OperationCanceledException>());
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

    private async Task StressAsync(int seed)
    {
        var random = new Random(seed);
        using var listener = Listen();
        using var acceptor = _transport.Value.Accept(listener);
        await using var from = await ConnectAsync(listener);
        await using var to = (await acceptor.AcceptAsync(CancellationToken.None))!;
        var octets = new byte[random.Next(1, 2 << 20)];
        random.NextBytes(octets);
        var sending = WriteAsync(from, octets, new Random(seed + 1));
        var received = 0;
        while (true)
        {
            ReadResult read;
            using var stop = new CancellationTokenSource();
            var kind = random.Next(4);
            var pending = to.Transport.Input.ReadAsync(kind == 1 ? stop.Token : default);
            var cancelling = kind switch
            {
                1 => Task.Run(stop.Cancel),
                2 => Task.Run(to.Transport.Input.CancelPendingRead),
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
            to.Transport.Input.AdvanceTo(consumed, random.Next(2) == 0 ? consumed : buffer.End);
            await cancelling;
            if (read.IsCompleted)
                break;
        }

        await sending;
        Assert.That(received, Is.EqualTo(octets.Length), $"seed {seed}");
    }

    private static async Task WriteAsync(TransportConnection to, byte[] octets, Random random)
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
        to.EndSending();
    }

    private static Socket Listen()
    {
        var listener = new Socket(SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.IPv6Loopback, 0));
        listener.Listen(1);
        return listener;
    }

    private async Task<TransportConnection> ConnectAsync(Socket listener) =>
        (TransportConnection)await _transport.Value.ConnectAsync((IPEndPoint)listener.LocalEndPoint!, null, null, CancellationToken.None);

    private async Task<(TransportConnection Connection, Socket Peer)> PairAsync()
    {
        using var listener = Listen();
        using var acceptor = _transport.Value.Accept(listener);
        var peer = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await peer.ConnectAsync(listener.LocalEndPoint!);
        return ((TransportConnection)(await acceptor.AcceptAsync(CancellationToken.None))!, peer);
    }

    private static string Text(ReadResult read) => System.Text.Encoding.ASCII.GetString(read.Buffer.ToArray());

    private async Task<string> ReadTextAsync(Task<ReadResult> read, int count)
    {
        var text = "";
        while (true)
        {
            var result = await read;
            text += Text(result);
            _connection.Input.AdvanceTo(result.Buffer.End);
            if (text.Length >= count || result.IsCompleted)
                return text;
            read = _connection.Input.ReadAsync().AsTask();
        }
    }

    private static async Task SoonAsync(Func<bool> condition) =>
        Assert.That(await Eventually.TryAsync(condition, TimeSpan.FromSeconds(10), CancellationToken.None));

    private static Task<int> SendAllAsync(Socket socket, byte[] octets) => Task.Run(() => socket.Send(octets));

    private static async Task<byte[]> ReadToEndAsync(Socket socket, bool ownsSocket = true)
    {
        await using var stream = new NetworkStream(socket, ownsSocket);
        using var all = new MemoryStream();
        await stream.CopyToAsync(all);
        return all.ToArray();
    }

    private static int Held(TransportConnection connection)
    {
        static int Length(object pipe, Type type) => ((byte[])type.GetField("_buffer", BindingFlags.Instance | BindingFlags.NonPublic)!.GetValue(pipe)!).Length;

        return Length(connection.Input, typeof(SocketPipeReader)) + Length(connection.Output, typeof(SocketPipeWriter));
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
