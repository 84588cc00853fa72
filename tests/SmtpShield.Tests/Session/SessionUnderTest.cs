using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Admission;
using SmtpShield.Hosting;
using SmtpShield.Limits;
using SmtpShield.Metrics;
using SmtpShield.Mta;
using SmtpShield.Mta.Learned;
using SmtpShield.Mta.Slots;
using SmtpShield.Observe;
using SmtpShield.Options;
using SmtpShield.Protocol;
using SmtpShield.Session;
using SmtpShield.Shadow;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Tests.Admission;
using SmtpShield.Tests.Mta;

namespace SmtpShield.Tests.Session;

/// <summary>
/// A session between a client and an MTA that are pipes in memory, with a clock that stands still. All that can happen has happened when a method here returns.
/// </summary>
internal sealed class SessionUnderTest : TestDialer, IAsyncDisposable
{
    /// <summary>What the MTA is known to answer EHLO with.</summary>
    public const string LearnedKeywords = "250-mta.example\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-ENHANCEDSTATUSCODES\r\n250 8BITMIME\r\n";

    private static readonly PipeOptions s_inline = new(readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline,
        useSynchronizationContext: false);

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(9);

    private readonly Lock _wakingElsewhere = new();
    private int _woken;
    private readonly TaskCompletionSource _givenUp = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly FakeLogCollector _log = new();
    private readonly ConnectionDrain _drain;
    private readonly ClientConnection _connection;
    private readonly OpenSession _open;
    private readonly SessionLoop _loop;
    private readonly Task<SessionEnd> _ended;
    private readonly IDuplexPipe _client;
    private TaskCompletionSource<UpstreamDialResult>? _dial;
    private Action? _wake;
    private IDuplexPipe _mta;
    private IDuplexPipe _shieldToMta;

    private SessionUnderTest(ShieldOptions options, TlsMode tls, ClientCounter? counter, Action<MtaMemory>? teach = null, ServiceMetrics? metrics = null,
        ShadowBook? book = null)
    {
        var snapshot = Snapshot = new(
            options with { Tls = options.Tls with { SecurityLevel = tls == TlsMode.None ? TlsSecurityLevel.None : TlsSecurityLevel.May } });
        using var factory = new LoggerFactory([new FakeLoggerProvider(_log)]);
        _drain = new ConnectionDrain(snapshot, Time);
        (var transport, _client) = DuplexPipe.CreateConnectionPair(s_inline, s_inline);
        (_shieldToMta, _mta) = DuplexPipe.CreateConnectionPair(s_inline, s_inline);
        Context = new SessionContext(_connection = TestConnection.Of(snapshot, transport, counter, metrics: metrics, book: book),
            () => new(new(Time), _connection.Client.Range),
            isLate: teach is not null);
        Assert.That(Context.Tls, Is.EqualTo(tls));
        Sessions = new OpenSessions(Time);
        _open = Sessions.Add(_connection);
        Memory = TestMemory.Of(Time, factory);
        teach?.Invoke(Memory);
        _loop = new SessionLoop(Context, this, Memory, _drain, _open, new(factory.CreateLogger<RemovedEhloKeywords>()),
            new(factory.CreateLogger<LenientMtas>()),
            Time, new FakeLogger(_log));
        _ended = _loop.RunAsync().AsTask();
        Ended = ReasonAsync(_ended);
    }

    /// <summary>The clock.</summary>
    public FakeTimeProvider Time { get; } = new();

    /// <summary>What it goes by.</summary>
    public ShieldSnapshot Snapshot { get; }

    /// <summary>What outlives STARTTLS.</summary>
    public SessionContext Context { get; }

    /// <summary>What is known of MTAs.</summary>
    public MtaMemory Memory { get; }

    /// <summary>The HELO or EHLO line of the last dial; null: it had none, or there was no dial.</summary>
    public string? Hello { get; private set; }

    /// <summary>The slot of the last session with the MTA.</summary>
    public Slot? Slot { get; private set; }

    /// <summary>The MTA of the last session with one.</summary>
    public UpstreamDestination? Destination { get; private set; }

    /// <summary>How many times an MTA was dialed.</summary>
    public int Dials { get; private set; }

    /// <summary>How the session ended.</summary>
    public Task<SessionEndReason> Ended { get; }

    /// <summary>Behind what.</summary>
    public string After => _ended.Result.After;

    /// <summary>The session as others see it.</summary>
    public OpenSessions Sessions { get; }

    /// <summary>What was logged.</summary>
    public IReadOnlyList<string> Log => _log.Lines;

    /// <summary>The dial waits for no session to be free any more.</summary>
    public bool HasLeftQueue { get; private set; }

    /// <summary>The dial was given up.</summary>
    public bool IsDialGivenUp => _givenUp.Task.IsCompleted;

    /// <summary>Completes when it is.</summary>
    public Task WhenDialIsGivenUp => _givenUp.Task;

    /// <summary>A session whose client is not greeted yet: the MTA is being dialed.</summary>
    public static SessionUnderTest Dialing(ShieldOptions? options = null, TlsMode tls = TlsMode.None, ClientCounter? counter = null,
        ServiceMetrics? metrics = null, ShadowBook? book = null) =>
        new(options ?? new() { Smtpd = new() { MyHostname = "mx" } }, tls, counter, metrics: metrics, book: book);

    /// <summary>A session whose client has been greeted in the place of an MTA that was not dialed.</summary>
    public static SessionUnderTest Late(ShieldOptions? options = null, TlsMode tls = TlsMode.None, ClientCounter? counter = null,
        string keywords = LearnedKeywords)
    {
        var session = new SessionUnderTest(options ?? new() { Smtpd = new() { MyHostname = "mx" } }, tls, counter, memory =>
        {
            memory.NoteGreeting(TestMemory.Destination, "220 mta.example ESMTP\r\n"u8);
            memory.NoteEhlo(TestMemory.Destination, Encoding.Latin1.GetBytes(keywords));
        });
        Assert.That((session.ClientSees(), session.Dials), Is.EqualTo(("220 mta.example ESMTP\r\n", 0)));
        return session;
    }

    /// <summary>The same, behind EHLO.</summary>
    public static SessionUnderTest LateIntroduced(ShieldOptions? options = null, string keywords = LearnedKeywords)
    {
        var session = Late(options, keywords: keywords);
        session.ClientSends("EHLO c.example\r\n");
        Assert.That((session.ClientSees(), session.Dials), Is.EqualTo((keywords, 0)));
        return session;
    }

    /// <summary>A session whose client has been greeted.</summary>
    public static SessionUnderTest Greeted(ShieldOptions? options = null, TlsMode tls = TlsMode.None, ClientCounter? counter = null)
    {
        var session = Dialing(options, tls, counter);
        session.MtaGreets("220 mta\r\n");
        Assert.That(session.ClientSees(), Is.EqualTo("220 mta\r\n"));
        return session;
    }

    /// <summary>A session behind EHLO.</summary>
    public static SessionUnderTest Introduced(ShieldOptions? options = null, TlsMode tls = TlsMode.None,
        string keywords = "250-mta\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-AUTH PLAIN LOGIN\r\n250 ENHANCEDSTATUSCODES\r\n")
    {
        var session = Greeted(options, tls);
        session.ClientSends("EHLO client\r\n");
        Assert.That(session.MtaSees(), Is.EqualTo("EHLO client\r\n"));
        session.MtaSends(keywords);
        Assert.That(session.ClientSees(), Does.EndWith("\r\n"));
        return session;
    }

    /// <inheritdoc/>
    public override async ValueTask<UpstreamDialResult> DialAsync(
        ReadOnlyMemory<byte> hello, bool mayReuse, Action wake, CancellationToken leaveQueue, CancellationToken cancellationToken)
    {
        Dials++;
        _wake = () =>
        {
            lock (_wakingElsewhere)
            {
                wake();
                _woken++;
            }
        };
        Hello = hello.IsEmpty ? null : Encoding.Latin1.GetString(hello.Span);
        var dial = _dial = new();
        await using var leaves = leaveQueue.Register(() => HasLeftQueue = true);
        await using var givesUp = cancellationToken.Register(() =>
        {
            _givenUp.TrySetResult();
            dial.TrySetCanceled(cancellationToken);
        });
        return await dial.Task.ConfigureAwait(false);
    }

    /// <summary>The dial ends with a greeting.</summary>
    /// <param name="greeting">It.</param>
    /// <param name="helloReply">What the MTA answers to the dial's HELO or EHLO, if it had one.</param>
    /// <param name="closes">Whether the MTA has closed its side behind that.</param>
    public void MtaGreets(string greeting, string? helloReply = null, bool closes = false)
    {
        if (Dials > 1)
            (_shieldToMta, _mta) = DuplexPipe.CreateConnectionPair(s_inline, s_inline);
        if (closes)
            MtaCloses();
        var connection = new DefaultConnectionContext("mta") { Transport = _shieldToMta };
        var destination = Destination = TestDestination.Of(TestMemory.Destination, Time);
        Slot = destination.Slots.TryTake(default, ClientStanding.Unknown, _wake!)!;
        EndDial(new(new UpstreamConnection(connection, null, destination, Slot, Encoding.Latin1.GetBytes(greeting), CodeOf(greeting))
        {
            HelloReply = helloReply is null ? null : new(ReplyStatus.Complete, Encoding.Latin1.GetBytes(helloReply), CodeOf(helloReply)),
        }, [], GreetingTimedOut: false));
    }

    /// <summary>The dial ends without an MTA.</summary>
    public void NoMtaAnswers(bool isSilent) => EndDial(new(null, [new("192.0.2.25:25", "Connection refused")], isSilent));

    /// <summary>The dial ends because the MTA has had no room for <c>shield_upstream_queue_time</c>.</summary>
    public void MtaHasNoRoom() => EndDial(new(null, [], GreetingTimedOut: false, QueueTimedOut: true));

    /// <summary>The client sends octets.</summary>
    public void ClientSends(string octets) => Send(_client, octets);

    /// <summary>The MTA sends octets.</summary>
    public void MtaSends(string octets) => Send(_mta, octets);

    /// <summary>What has come to the client since the last time.</summary>
    public string ClientSees() => Receive(_client);

    /// <summary>What has come to the MTA since the last time.</summary>
    public string MtaSees() => Receive(_mta);

    /// <summary>What comes to the MTA next, because its slot woke the session on another thread: that thread has done all it had to do.</summary>
    public async Task<string> NextToMtaAsync()
    {
        var read = await _mta.Input.ReadAsync().AsTask().WaitAsync(s_patience);
        // What follows must not run within the session's write.
        await Task.Yield();
        _wakingElsewhere.Enter();
        _wakingElsewhere.Exit();
        var text = Encoding.Latin1.GetString(read.Buffer.ToArray());
        _mta.Input.AdvanceTo(read.Buffer.End);
        return text;
    }

    /// <summary>What its slot wakes it for, and the session does nothing about.</summary>
    /// <param name="wake">What wakes it.</param>
    /// <param name="times">How many times that is.</param>
    public async Task LooksAsync(Action wake, int times = 1)
    {
        var all = Woken() + times;
        wake();
        await Eventually.HoldsAsync(() => Woken() == all, s_patience, "it has looked", CancellationToken.None);
    }

    /// <summary>The client says something, and the MTA answers it.</summary>
    /// <param name="sent">What the client sends.</param>
    /// <param name="reply">What the MTA answers, and the client gets last.</param>
    public void Exchange(string sent, string reply)
    {
        ClientSends(sent);
        MtaSees();
        MtaSends(reply);
        Assert.That(ClientSees(), Does.EndWith(reply));
    }

    /// <summary>The client has not needed the MTA for a while, somebody else does, and the session gives it back.</summary>
    public async Task ReleaseAsync()
    {
        Time.Advance(TimeSpan.FromSeconds(5));
        Slot!.Ask(SlotDemand.Release);
        Assert.That(await NextToMtaAsync(), Is.EqualTo("QUIT\r\n"));
    }

    /// <summary>The client sends nothing more.</summary>
    public void ClientEnds() => _client.Output.Complete();

    /// <summary>The client's connection breaks.</summary>
    public void ClientBreaks()
    {
        _client.Input.Complete();
        _client.Output.Complete(new IOException("reset"));
    }

    /// <summary>The MTA closes.</summary>
    public void MtaCloses() => _mta.Output.Complete();

    /// <summary>The MTA is taken out by hand.</summary>
    public void DrainMta()
    {
        Destination!.Drain(isDrained: true);
        Destination.Slots.WakeAll();
    }

    /// <summary>The shield begins to stop.</summary>
    public void Drain() => _drain.Begin();

    /// <summary>What the session held is given back.</summary>
    public ValueTask DisposeLoopAsync() => _loop.DisposeAsync();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _loop.DisposeAsync();
        _open.Dispose();
        Context.Dispose();
        _connection.Dispose();
        _drain.Dispose();
    }

    private int Woken()
    {
        lock (_wakingElsewhere)
            return _woken;
    }

    private static int CodeOf(string reply) => int.Parse(reply.AsSpan(0, 3), null);

    private static async Task<SessionEndReason> ReasonAsync(Task<SessionEnd> ended) => (await ended).Reason;

    // In a context of the test's the session would go on on another thread.
    private void EndDial(in UpstreamDialResult result)
    {
        var context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        _dial!.SetResult(result);
        SynchronizationContext.SetSynchronizationContext(context);
    }

    private static void Send(IDuplexPipe end, string octets)
    {
        end.Output.Write(Encoding.Latin1.GetBytes(octets));
        var flush = end.Output.FlushAsync();
        Assert.That(flush.IsCompleted || octets.Length > 0);
    }

    private static string Receive(IDuplexPipe end)
    {
        var received = new StringBuilder();
        while (end.Input.TryRead(out var read) && !read.Buffer.IsEmpty)
        {
            foreach (var segment in read.Buffer)
                received.Append(Encoding.Latin1.GetString(segment.Span));
            end.Input.AdvanceTo(read.Buffer.End);
        }
        return received.ToString();
    }
}
