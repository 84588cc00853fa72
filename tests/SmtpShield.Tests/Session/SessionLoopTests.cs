using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Admission;
using SmtpShield.Clients;
using SmtpShield.Hosting;
using SmtpShield.Limits;
using SmtpShield.Mta;
using SmtpShield.Observe;
using SmtpShield.Options;
using SmtpShield.Session;
using SmtpShield.Testing;
using SmtpShield.Tests.Admission;
using SmtpShield.Tests.Limits;
using SmtpShield.Tests.Mta;
using SmtpShield.Transport;

namespace SmtpShield.Tests.Session;

/// <summary>What depends on the moment at which one session hears of something: here nobody is faster than the test.</summary>
public sealed class SessionLoopTests
{
    private const int LongestUntaken = 400;

    private readonly FakeTimeProvider _time = new();
    private readonly FakeLogger<SessionLoopTests> _log = new();
    private readonly ShieldSnapshot _snapshot = new(new() { Anvil = new() { RateTimeUnit = TimeSpan.FromSeconds(600) },
        Limits = new() { ClientErrorRateLimit = 100, SoftErrorLimit = 50 }, Smtpd = new() { MyHostname = "mail.example.com" } });
    private ConnectionDrain _drain = null!;
    private ClientCounter _counter = null!;
    private ClientConnection _connection = null!;
    private SocketOf _mtaSocket = null!;
    private IDuplexPipe _client = null!;
    private IDuplexPipe _mta = null!;
    private SessionLoop _loop = null!;
    private SessionEnd? _result;

    [SetUp]
    public void Begin()
    {
        var inline = new PipeOptions(readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, pauseWriterThreshold: 0,
            useSynchronizationContext: false);
        var little = new PipeOptions(
            readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, pauseWriterThreshold: LongestUntaken, resumeWriterThreshold: 1,
            useSynchronizationContext: false);
        (var clientTransport, _client) = DuplexPipe.CreateConnectionPair(inline, little);
        (var mtaTransport, _mta) = DuplexPipe.CreateConnectionPair(inline, inline);
        _mtaSocket = new(mtaTransport.Input);
        _counter = new(TestAnvil.Table(_snapshot, _time), new("smtp", ClientRange.Of(IPAddress.Parse("192.0.2.1"), 32, 128)));
        _connection = TestConnection.Of(_snapshot, clientTransport, _counter, "192.0.2.1");
        _drain = new(_snapshot, _time);
        var destination = TestDestination.Of("mx:25", _time);
        var upstream = new UpstreamConnection(
            new DefaultConnectionContext { Transport = new DuplexPipe(_mtaSocket, mtaTransport.Output) }, tls: null, destination, destination.TakeSlot(),
            "220 mx\r\n"u8.ToArray(), greetingCode: 220);
        _loop = new(
            new(_connection, static () => null),
            new AtOnce(upstream),
            TestMemory.Of(_time),
            _drain,
            new OpenSessions(_time).Add(_connection),
            new(NullLogger<RemovedEhloKeywords>.Instance),
            new(NullLogger<LenientMtas>.Instance),
            _time,
            _log);
        _result = null;
        _ = RunAsync();
        Assert.That(Taken(_client), Is.EqualTo("220 mx\r\n"));
    }

    [TearDown]
    public async Task End()
    {
        await _loop.DisposeAsync();
        _drain.Dispose();
        _connection.Dispose();
    }

    /// <summary>
    /// Its 250 is in the socket, and the system has not told so: the end of the message must not follow it, or the MTA has the message twice.
    /// </summary>
    [TestCase("DATA", "354 go", "x\r\n.\r\n")]
    [TestCase("DATA", "354 go", ".\r\n")]
    [TestCase("BDAT 1 LAST", null, "x")]
    public void MessageEnd_MtaHasSpokenUntold_StaysHereAndTheClientIsToldNothingGood(string command, string? reply, string content)
    {
        BeginMessage(command, reply);
        _mtaSocket.IsReady = true;
        Send(_client, reply is null ? $"{command}\r\n{content}" : content);

        Assert.That(Taken(_mta), Does.Not.EndWith(content));
        Send(_mta, "250 queued\r\n");
        Assert.That(Taken(_client), Is.EqualTo("421 4.3.0 mail.example.com Error: mail server unavailable\r\n"));
        Assert.That(_result?.Reason, Is.EqualTo(SessionEndReason.UpstreamMalformed));
        Assert.That(Taken(_mta), Is.Empty);
    }

    /// <summary>What arrived was nothing to read: a TLS session ticket. No signal comes of it, so it is looked again.</summary>
    [Test]
    public void MessageEnd_NothingWasSaid_LeavesAMomentLater()
    {
        BeginMessage("DATA", "354 go");
        _mtaSocket.IsReady = true;
        Send(_client, "x\r\n.\r\n");
        Assert.That(Taken(_mta), Is.Empty);
        _mtaSocket.IsReady = false;
        _time.Advance(TimeSpan.FromMilliseconds(20));

        Assert.That(Taken(_mta), Is.EqualTo("x\r\n.\r\n"));
        Send(_mta, "250 queued\r\n");
        Assert.That(Taken(_client), Is.EqualTo("250 queued\r\n"));
    }

    /// <summary>To the books a client that takes none of its replies is one that is gone: what the MTA owes it is counted and logged all the same.</summary>
    [Test]
    public void Replies_NotTakenForAMinute_AreCountedAndLoggedToTheLast()
    {
        Exchange("EHLO c", "250 mx");
        Exchange("MAIL FROM:<a@x>", "250 ok");
        Send(_client, "RCPT TO:<n1@y>\r\n");
        Send(_mta, $"550 5.1.1 {new string('x', LongestUntaken)}\r\n");
        Send(_client, "RCPT TO:<n2@y>\r\nRCPT TO:<n3@y>\r\n");
        Assert.That(Taken(_mta), Does.EndWith("<n3@y>\r\n"));
        _time.Advance(TimeSpan.FromSeconds(59));
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.That(_result, Is.Null, "the MTA owes two replies");
        Send(_mta, "550 5.1.1 unknown\r\n550 5.1.1 unknown\r\n");

        Assert.That(_result, Is.EqualTo(new SessionEnd(SessionEndReason.ClientStalled, "RCPT", "mx:25")));
        Assert.That(_counter.Peek(AnvilEvent.Error), Is.EqualTo(3));
        Assert.That(_log.Lines.Where(line => line.Contains("NOQUEUE: reject: RCPT", StringComparison.Ordinal)), Has.Exactly(3).Items);
    }

    /// <summary>What a client sends that was given up is no news: it would keep the session, and its loop awake, for ever.</summary>
    [Test]
    public void Replies_NotTakenAndMtaIsSilent_AreWaitedForNoLongerThanFromAnyOther()
    {
        Exchange("EHLO c", "250 mx");
        Exchange("MAIL FROM:<a@x>", "250 ok");
        Send(_client, "RCPT TO:<n1@y>\r\n");
        Send(_mta, $"250 {new string('x', LongestUntaken)}\r\n");
        Send(_client, "RCPT TO:<n2@y>\r\n");
        _time.Advance(TimeSpan.FromSeconds(61));
        Send(_client, "RCPT TO:<n3@y>\r\n");
        _time.Advance(TimeSpan.FromSeconds(31));

        Assert.That(_result?.Reason, Is.EqualTo(SessionEndReason.ClientStalled));
    }

    /// <summary>The limit is switched off while the MTA works: the client's other sessions must not be held to a command that has long had its reply.</summary>
    [Test]
    public void Command_LimitIsSwitchedOffMeanwhile_IsNotCountedBehindItsReply()
    {
        Send(_client, "EHLO c\r\n");
        Assert.That(_counter.CommandsInFlight, Is.EqualTo(1));
        var options = _snapshot.Current;
        _snapshot.Replace(options with { Limits = options.Limits with { ClientErrorRateLimit = 0 } });
        Send(_mta, "250 mx\r\n");
        _snapshot.Replace(options);

        Assert.That((Taken(_client), _counter.CommandsInFlight), Is.EqualTo(("250 mx\r\n", 0)));
    }

    /// <summary>The session may give the MTA nothing more for now: the rest of a line that is too long is nothing but that all the same.</summary>
    [Test]
    public void Line_TooLongWhileTheBudgetIsInUse_IsDroppedWithItsRest()
    {
        Exchange("EHLO c", "250 mx");
        Exchange("MAIL FROM:<a@x>", "250 ok");
        for (var i = 0; i < 100; i++)
            _counter.Count(AnvilEvent.Error);
        Send(_client, "RCPT TO:<b@y>\r\n");
        Assert.That(Taken(_mta), Does.EndWith("RCPT TO:<b@y>\r\n"));

        Send(_client, "NOOP " + new string('x', 4096));
        Send(_client, "RCPT TO:<c@y>\r\n");
        Send(_mta, "250 ok\r\n");

        Assert.That((Taken(_client), Taken(_mta)), Is.EqualTo(("250 ok\r\n500 mail.example.com Error: command too long\r\n", "")));
    }

    /// <summary>The end of a message stays behind replies the client does not take: there is nothing to look for until it does.</summary>
    [Test]
    public void MessageEnd_ClientTakesNoReplies_IsNotLookedForAllTheTime()
    {
        BeginMessage("NOOP", "250 ok");
        Send(_client, "BDAT 1\r\nx");
        Send(_mta, $"250 {new string('x', LongestUntaken)}\r\n");
        Send(_client, "BDAT 1\r\ny");
        Send(_mta, "250 ok\r\n");
        Send(_client, "BDAT 1 LAST\r\nz");
        Assert.That(Taken(_mta), Does.EndWith("y"));
        Assert.That(_time.NextDue, Is.GreaterThan(TimeSpan.FromSeconds(1)));
        Taken(_client);

        Assert.That(Taken(_mta), Is.EqualTo("BDAT 1 LAST\r\nz"));
    }

    /// <summary>The shield has stopped waiting, and something of the session still does not end: the loop sleeps all the same.</summary>
    [Test, CancelAfter(20_000)]
    public async Task Drain_DeadlineIsOver_TheLoopStillSleeps(CancellationToken cancellationToken)
    {
        var snapshot = new ShieldSnapshot(new() { Listener = new() { DrainTimeout = TimeSpan.Zero } });
        using var drain = new ConnectionDrain(snapshot, _time);
        var isOver = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var registration = drain.Deadline.Register(isOver.SetResult);
        drain.Begin();
        await isOver.Task.WaitAsync(cancellationToken);
        var (transport, client) = DuplexPipe.CreateConnectionPair(new(), new());
        var dialer = new Deaf();
        using var connection = TestConnection.Of(snapshot, transport);
        await using var loop = new SessionLoop(
            new(connection, static () => null),
            dialer,
            TestMemory.Of(_time),
            drain,
            new OpenSessions(_time).Add(connection),
            new(NullLogger<RemovedEhloKeywords>.Instance),
            new(NullLogger<LenientMtas>.Instance),
            _time,
            _log);

        // Comes back when the loop sleeps; it runs on this thread until then.
        var asleep = Task.Run(() => new Task<SessionEnd>[] { loop.RunAsync().AsTask() }, cancellationToken);
        var session = (await asleep.WaitAsync(cancellationToken))[0];
        dialer.Dial.SetResult(new(null, [], GreetingTimedOut: false));

        Assert.That((await session.WaitAsync(cancellationToken)).Reason, Is.EqualTo(SessionEndReason.NoUpstream));
        Assert.That(Encoding.ASCII.GetString((await client.Input.ReadAsync(cancellationToken)).Buffer), Does.StartWith("421 4.3.0 "));
    }

    /// <summary>A client that sends without end before it is greeted: the socket's reader refuses to be asked for more than it ever buffers.</summary>
    [TestCase(SocketPipeReader.MostBuffered - 1, 1)]
    [TestCase(SocketPipeReader.MostBuffered, 0)]
    public async Task Dial_ClientHasSentAllThatIsBuffered_IsAskedForNoMore(int sent, int reads)
    {
        var (transport, client) = DuplexPipe.CreateConnectionPair(new(pauseWriterThreshold: 0), new(pauseWriterThreshold: 0));
        await client.Output.WriteAsync(new byte[sent]);
        var socket = new SocketOf(transport.Input) { IsReady = true };
        using var connection = TestConnection.Of(_snapshot, new DuplexPipe(socket, transport.Output));
        using var open = new OpenSessions(_time).Add(connection);
        var dialer = new Deaf();
        await using var loop = new SessionLoop(new(connection, static () => null), dialer, TestMemory.Of(_time), _drain, open,
            new(NullLogger<RemovedEhloKeywords>.Instance), new(NullLogger<LenientMtas>.Instance), _time, _log);
        var running = loop.RunAsync().AsTask();

        Assert.That((socket.Reads, running.IsCompleted), Is.EqualTo((reads, false)));
        dialer.Dial.SetResult(new(null, [], GreetingTimedOut: false));
        Assert.That((await running).Reason, Is.EqualTo(SessionEndReason.NoUpstream));
    }

    private async Task RunAsync() => _result = await _loop.RunAsync();

    private void BeginMessage(string command, string? reply)
    {
        Exchange("EHLO c", "250-mx\r\n250-ENHANCEDSTATUSCODES\r\n250 CHUNKING");
        Exchange("MAIL FROM:<a@x>", "250 ok");
        Exchange("RCPT TO:<b@y>", "250 ok");
        if (reply is not null)
            Exchange(command, reply);
    }

    private void Exchange(string command, string reply)
    {
        Send(_client, command + "\r\n");
        Assert.That(Taken(_mta), Is.EqualTo(command + "\r\n"));
        Send(_mta, reply + "\r\n");
        Assert.That(Taken(_client), Is.EqualTo(reply + "\r\n"));
    }

    private static void Send(IDuplexPipe end, string octets)
    {
        end.Output.Write(Encoding.Latin1.GetBytes(octets));
        Assert.That(end.Output.FlushAsync().AsTask().IsCompleted, Is.True);
    }

    private static string Taken(IDuplexPipe end)
    {
        if (!end.Input.TryRead(out var read))
            return "";
        var text = Encoding.Latin1.GetString(read.Buffer);
        end.Input.AdvanceTo(read.Buffer.End);
        return text;
    }

    // A socket that may have more than its reader has been told.
    private sealed class SocketOf(PipeReader told) : PipeReader, ISocketLook
    {
        public bool IsReady { get; set; }

        public int Reads { get; private set; }

        public override bool TryRead(out ReadResult result) => told.TryRead(out result);

        public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
        {
            Reads++;
            return told.ReadAsync(cancellationToken);
        }

        public override void AdvanceTo(SequencePosition consumed) => told.AdvanceTo(consumed);

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => told.AdvanceTo(consumed, examined);

        public override void CancelPendingRead() => told.CancelPendingRead();

        public override void Complete(Exception? exception = null) => told.Complete(exception);
    }

    private sealed class AtOnce(UpstreamConnection connection) : TestDialer
    {
        public override ValueTask<UpstreamDialResult> DialAsync(
            ReadOnlyMemory<byte> hello, bool mayReuse, Action wake, CancellationToken leaveQueue, CancellationToken cancellationToken) =>
            new(new UpstreamDialResult(connection, [], GreetingTimedOut: false));
    }

    private sealed class Deaf : TestDialer
    {
        public TaskCompletionSource<UpstreamDialResult> Dial { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public override ValueTask<UpstreamDialResult> DialAsync(
            ReadOnlyMemory<byte> hello, bool mayReuse, Action wake, CancellationToken leaveQueue, CancellationToken cancellationToken) => new(Dial.Task);
    }
}
