using System.IO.Pipelines;
using SmtpShield.Session;
using SmtpShield.Tests.Admission;
using SmtpShield.Tests.Protocol;

namespace SmtpShield.Tests.Session;

public class LegTests
{
    private SessionSignal _signal = null!;
    private IDuplexPipe _transport = null!;
    private IDuplexPipe _peer = null!;
    private TestLeg _side = null!;

    [SetUp]
    public void Create()
    {
        _signal = new SessionSignal();
        var inline = new PipeOptions(readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, pauseWriterThreshold: 64,
            resumeWriterThreshold: 32, useSynchronizationContext: false);
        (_transport, _peer) = DuplexPipe.CreateConnectionPair(inline, inline);
        _side = new TestLeg(_transport, _signal);
    }

    [Test]
    public async Task Poll_BytesBeforeTheFirstRead_AreThere()
    {
        await SendAsync("abc");

        Assert.That((_side.Poll(), Received), Is.EqualTo((true, "abc")));
    }

    [Test]
    public void Poll_NothingThere_IsNothing() => Assert.That((_side.Poll(), _side.Received.IsEmpty, _side.IsReceiveEnded), Is.EqualTo((false, true, false)));

    [Test]
    public async Task Read_BytesThatComeLater_SetTheSignal()
    {
        var already = _side.Read(wantsMore: true);
        var wait = _signal.WaitAsync();
        await SendAsync("abc");

        Assert.That((already, wait.IsCompleted, _side.Poll(), Received), Is.EqualTo((false, true, true, "abc")));
    }

    [Test]
    public async Task Read_BytesThatAreThere_AreTold()
    {
        await SendAsync("abc");

        Assert.That((_side.Read(wantsMore: true), _side.Poll(), Received), Is.EqualTo((true, true, "abc")));
    }

    [Test]
    public async Task Take_PartOfTheBytes_LeavesTheRestForLater()
    {
        await SendAsync("abc");
        _side.Poll();
        _side.Take(1);
        _side.Read(wantsMore: true);
        var buffered = _side.Buffered;
        await SendAsync("d");

        Assert.That((buffered, _side.Poll(), Received), Is.EqualTo((2L, true, "bcd")));
    }

    [Test]
    public async Task Read_NothingNew_IsNotTold()
    {
        await SendAsync("abc");
        _side.Poll();

        Assert.That((_side.Read(wantsMore: true), _side.Poll(), _side.Received.IsEmpty), Is.EqualTo((false, false, true)));
    }

    [Test]
    public async Task Read_WantsNoMore_LooksAtTheSameBytesAgain()
    {
        await SendAsync("abc");
        _side.Poll();
        var isMore = _side.Read(wantsMore: false);

        Assert.That((isMore, _side.Poll(), Received), Is.EqualTo((false, false, "abc")));
    }

    [Test]
    public async Task Read_WantsNoMore_HoldsThePeerBack()
    {
        await SendAsync(new string('x', 60));
        _side.Poll();
        _side.Read(wantsMore: false);
        var more = SendAsync(new string('x', 10)).AsTask();
        var isHeld = !more.IsCompleted;
        _side.Poll();
        _side.Take(_side.Received.End);
        _side.Read(wantsMore: true);

        Assert.That((isHeld, more.IsCompleted), Is.EqualTo((true, true)));
    }

    [Test]
    public async Task Flush_PeerThatTakesNothing_IsUnderWayUntilItDoes()
    {
        _side.Write(new byte[100]);
        var unflushed = _side.HasUnflushed;
        _side.Flush();
        var underWay = (_side.IsFlushing, _side.HasUnflushed);
        var wait = _signal.WaitAsync();
        var read = await _peer.Input.ReadAsync();
        _peer.Input.AdvanceTo(read.Buffer.End);

        Assert.That((unflushed, underWay, wait.IsCompleted), Is.EqualTo((true, (true, false), true)));
        Assert.That((_side.Poll(), _side.IsFlushing, _side.IsBroken), Is.EqualTo((true, false, false)));
    }

    [Test]
    public async Task Flush_PeerThatTakesAll_IsOverAtOnce()
    {
        _side.Write(Octets.Split(Octets.Of("250 ok⏎"), 3));
        _side.Flush();
        var read = await _peer.Input.ReadAsync();

        Assert.That((_side.IsFlushing, Octets.Shown(read.Buffer)), Is.EqualTo((false, "250 ok⏎")));
    }

    [Test]
    public void Flush_NothingWritten_DoesNothing()
    {
        _side.Flush();

        Assert.That((_side.IsFlushing, _peer.Input.TryRead(out _)), Is.EqualTo((false, false)));
    }

    [Test]
    public void Flush_PeerReadsNoMore_IsBrokenAndSetsTheSignal()
    {
        _peer.Input.Complete();
        _side.Write("x"u8);
        _side.Flush();
        var wait = _signal.WaitAsync();

        Assert.That((_side.IsFlushing, _side.IsBroken, wait.IsCompleted), Is.EqualTo((false, true, true)));
    }

    [Test]
    public void Flush_ConnectionBreaksMeanwhile_IsBroken()
    {
        _side.Write(new byte[100]);
        _side.Flush();
        var wait = _signal.WaitAsync();
        _peer.Input.Complete();

        Assert.That((wait.IsCompleted, _side.Poll(), _side.IsFlushing, _side.IsBroken), Is.EqualTo((true, true, false, true)));
    }

    [Test]
    public async Task Poll_PeerClosed_GivesTheLastBytesAndTheEnd()
    {
        await SendAsync("abc");
        _side.Read(wantsMore: true);
        _peer.Output.Complete();
        _side.Poll();
        if (!_side.IsReceiveEnded)
        {
            _side.Read(wantsMore: true);
            _side.Poll();
        }

        Assert.That((Received, _side.IsReceiveEnded, _side.IsBroken), Is.EqualTo(("abc", true, false)));
        Assert.That((_side.Read(wantsMore: true), Received), Is.EqualTo((false, "abc")));
    }

    [Test]
    public void Poll_ConnectionBreaksDuringARead_IsEndedAndBroken()
    {
        _side.Read(wantsMore: true);
        var wait = _signal.WaitAsync();
        _peer.Output.Complete(new IOException("reset"));

        Assert.That((wait.IsCompleted, _side.Poll(), _side.IsReceiveEnded, _side.IsBroken, _side.Received.IsEmpty), Is.EqualTo((true, true, true, true, true)));
        Assert.That((_side.Read(wantsMore: true), _side.Poll()), Is.EqualTo((false, false)));
    }

    [Test]
    public void Read_ConnectionAlreadyBroken_IsEndedAndBroken()
    {
        _peer.Output.Complete(new IOException("reset"));
        var isMore = _side.Read(wantsMore: true);
        _side.Poll();

        Assert.That((isMore, _side.IsReceiveEnded, _side.IsBroken), Is.EqualTo((true, true, true)));
    }

    [Test, CancelAfter(10_000)]
    public async Task Detach_ReadUnderWay_GivesTheReaderBack(CancellationToken cancellationToken)
    {
        _side.Read(wantsMore: true);
        _side.Detach();
        var others = _transport.Input.ReadAsync(cancellationToken).AsTask();
        await SendAsync("later");

        var read = await others;

        Assert.That(Octets.Shown(read.Buffer), Is.EqualTo("later"));
    }

    [Test, CancelAfter(10_000)]
    public async Task Detach_BytesNotTaken_GivesTheReaderBack(CancellationToken cancellationToken)
    {
        await SendAsync("abc");
        _side.Poll();
        _side.Take(1);
        _side.Detach();
        await SendAsync("later");

        var read = await _transport.Input.ReadAsync(cancellationToken);

        Assert.That(Octets.Shown(read.Buffer), Is.EqualTo("bclater"));
    }

    // A client may begin its handshake before the session has noticed that its part is over.
    [Test, CancelAfter(10_000)]
    public async Task Detach_BytesThatHaveJustCome_AreLeftAndTheNextReadIsNotCancelled(CancellationToken cancellationToken)
    {
        _side.Read(wantsMore: true);
        await SendAsync("abc");
        _side.Detach();

        var read = await _transport.Input.ReadAsync(cancellationToken);

        Assert.That((Octets.Shown(read.Buffer), read.IsCanceled), Is.EqualTo(("abc", false)));
    }

    [TestCase(true, "")]
    [TestCase(false, "abc")]
    [CancelAfter(10_000)]
    public async Task Detach_PeerClosed_GivesTheReaderBack(bool takesAll, string left, CancellationToken cancellationToken)
    {
        await SendAsync("abc");
        _peer.Output.Complete();
        _side.Poll();
        if (takesAll)
            _side.Take(_side.Received.End);
        _side.Read(wantsMore: true);
        _side.Detach();

        var read = await _transport.Input.ReadAsync(cancellationToken);

        Assert.That((read.IsCompleted, Octets.Shown(read.Buffer)), Is.EqualTo((true, left)));
    }

    [Test]
    public async Task Buffered_LastBytesTakenAfterSomeWereHeld_IsZero()
    {
        await SendAsync("abc");
        _side.Poll();
        _side.Read(wantsMore: true);
        await SendAsync("d");
        _peer.Output.Complete();
        _side.Poll();
        _side.Take(_side.Received.End);
        _side.Read(wantsMore: true);
        _side.Poll();
        _side.Read(wantsMore: true);

        Assert.That((_side.IsReceiveEnded, _side.Buffered), Is.EqualTo((true, 0L)));
    }

    [Test]
    public void Abandon_PeerThatTakesNothing_LetsTheSessionWriteOnIntoNothing()
    {
        _side.Write(new byte[1000]);
        _side.Flush();
        var before = (_side.IsFlushing, _side.IsBroken);
        _side.Abandon();
        _side.Write(new byte[300]);
        _side.Write(new byte[5000]);
        var written = _side.Unflushed;
        _side.Flush();

        Assert.That((before, _side.IsFlushing, _side.IsBroken, _side.HasLostOutput, written), Is.EqualTo(((true, false), false, true, true, 5300L)));
    }

    [Test]
    public async Task StopReceiving_WhatWasNotTaken_IsGone()
    {
        await SendAsync("abc");
        _side.Poll();
        _side.Take(1);
        _side.StopReceiving();
        await SendAsync("d");

        Assert.That((_side.Received.IsEmpty, _side.IsReceiveEnded, _side.Read(wantsMore: true), _side.Poll()), Is.EqualTo((true, true, false, false)));
    }

    [Test]
    public async Task HasNews_BytesForAReadThatIsNotWaitedFor_AreNone()
    {
        _side.Read(wantsMore: true);
        _side.StopReceiving();
        await SendAsync("abc");

        Assert.That((_side.HasNews, _side.HasTalked), Is.EqualTo((false, false)));
    }

    private string Received => Octets.Shown(_side.Received);

    private ValueTask<FlushResult> SendAsync(string text) => _peer.Output.WriteAsync(Octets.Of(text));
}
