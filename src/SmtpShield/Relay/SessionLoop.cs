using System.IO.Pipelines;
using Microsoft.Extensions.Logging;
using SmtpShield.Listening;
using SmtpShield.Protocol;

namespace SmtpShield.Relay;

/// <summary>
/// Runs one session, or its part behind STARTTLS, from the dial to its end. One loop moves whatever can be moved without waiting (commands, content, replies), and then sleeps until one of
/// its sides, its dial, its deadline or shutdown wakes it. The two directions don't wait for each other: a client that does not read stops only its own replies.
/// </summary>
internal sealed class SessionLoop : IAsyncDisposable
{
    private const int RoundsPerTurn = 32;

    private readonly SessionSignal _signal = new();
    private readonly SmtpSession _session;
    private readonly ClientLeg _client;
    private readonly MtaLeg _mta;
    private readonly CommandRelay _commands;
    private readonly ContentRelay _content;
    private readonly ReplyRelay _replies;
    private readonly Tunnel _tunnel;
    private readonly Greeting _greeting;
    private readonly ConnectionDrain _drain;
    private readonly SessionTimer _timer;
    private readonly OpenSession _open;
    private CancellationTokenRegistration _drains;
    private CancellationTokenRegistration _drainEnds;
    private bool _isEnding;
    private bool _isOver;
    private bool _mustYield;

    /// <summary>Makes the loop of one session, or of its part behind STARTTLS; nothing happens before <see cref="RunAsync"/>.</summary>
    public SessionLoop(
        SessionContext context,
        IDuplexPipe transport,
        IMtaDialer dialer,
        ConnectionDrain drain,
        OpenSessions sessions,
        RemovedEhloKeywords removedKeywords,
        LenientMtas lenientMtas,
        TimeProvider time,
        ILogger log)
    {
        var clock = new SessionClock(time);
        _client = new(transport, _signal, context, clock);
        _mta = new(dialer, _signal, clock);
        _session = new(context, _client, _mta, clock, log);
        _drain = drain;
        var budgets = new ClientBudgets(_session, _signal.Set);
        var gate = new CommandGate(_session, budgets, lenientMtas);
        _content = new(_session, gate);
        _commands = new(_session, gate, budgets);
        _replies = new(_session, _content, budgets, removedKeywords, lenientMtas);
        _tunnel = new(_session, gate);
        _greeting = new(_session, _replies, drain);
        _timer = new(time, _signal);
        _open = sessions.Add(context.Client.Range, _signal.Set);
    }

    /// <summary>Behind what the session ended, as in <c>lost connection after RCPT</c> or <c>timeout after DATA (21 bytes)</c>.</summary>
    public string After { get; private set; } = Dialogue.AfterConnect;

    /// <summary>The MTA the session was with, as configured; empty when there was none.</summary>
    public string Destination => _mta.Destination;

    /// <summary>Runs until the session is over and its last reply has been taken by the kernel.</summary>
    public async ValueTask<SessionEndReason> RunAsync()
    {
        _drains = _drain.Draining.UnsafeRegister(static signal => ((SessionSignal)signal!).Set(), _signal);
        try
        {
            _mta.Dial();
            Step();
            while (!_isOver)
            {
                if (_mustYield)
                    await Task.Yield();
                else
                    await _signal.WaitAsync().ConfigureAwait(false);
                Step();
            }

            return _session.Ending.Reason;
        }
        finally
        {
            _client.Detach();
            _mta.Detach();
        }
    }

    /// <summary>Says QUIT to an MTA whose part in the session is over.</summary>
    public ValueTask QuitAsync() => _mta.QuitAsync();

    /// <summary>Nothing wakes the session any more, and the MTA's connection is closed.</summary>
    public ValueTask DisposeAsync()
    {
        _open.Dispose();
        _timer.Dispose();
        _drains.Unregister();
        _drainEnds.Unregister();
        return _mta.DisposeAsync();
    }

    // Everything that can happen without waiting, up to a turn's worth: a fast sender must not keep a thread from the other sessions on it.
    private void Step()
    {
        var rounds = 0;
        bool again;
        do
        {
            _session.Clock.Tick();
            _client.Look();
            WatchDrainDeadline();
            if (!_greeting.IsOver)
                _greeting.Pump();
            if (_greeting.IsOver)
                Relay();
            again = !_isOver && (_client.Read(WantsClient) | _mta.Read(WantsMta));
        }
        while (again && ++rounds < RoundsPerTurn);

        _open.Note(Rank, _client.Buffered + _mta.Buffered, _client.RequestSince);
        _mustYield = again;
        if (!_isOver)
            _timer.Arm(_greeting.IsOver ? Deadlines.Next(_session) : _greeting.Due, _session.Clock.Real);
    }

    // A registration with a deadline that is over would set the signal at once, each time.
    private void WatchDrainDeadline()
    {
        if (_drain.Draining.IsCancellationRequested && !_drain.Deadline.IsCancellationRequested && _drainEnds == default)
            _drainEnds = _drain.Deadline.UnsafeRegister(static signal => ((SessionSignal)signal!).Set(), _signal);
    }

    private void Relay()
    {
        // The client could not send content while the MTA did not take it: its wait starts now.
        if (_mta.Look() && _session.Dialogue.Phase is DialoguePhase.Content or DialoguePhase.Chunk)
            _client.NoteActive();
        _client.HoldContent(_mta.IsFlushing);

        while (_replies.Pump() | _commands.Pump() | _content.Pump() | _tunnel.Pump())
        {
            // As long as one direction moves, the other may be able to follow.
        }

        if (!_session.HasEnded)
            LookForEnd();
        if (_session.HasEnded)
            Finish();
        if (!_session.HasEnded || _session.Dialogue.Phase is DialoguePhase.Tunnel)
            _mta.FlushInTime(isContent: _session.Dialogue.Phase is DialoguePhase.Content or DialoguePhase.Chunk);
        _client.HoldContent(_mta.IsFlushing);
        _client.FlushInTime(isAwaited: _session.HasEnded || Deadlines.IsClientsTurn(_session) || _session.Dialogue.Phase is DialoguePhase.Tunnel);
    }

    // While the session can't use the client's bytes it reads on only if it holds none, to notice that the client has gone.
    private bool WantsClient => !_greeting.IsOver ? _greeting.WantsClient : !_session.HasEnded && (_client.Received.IsEmpty || (!_mta.IsFlushing && _session.Dialogue.Phase switch
    {
        DialoguePhase.Commands or DialoguePhase.SaslResponse => _commands.NeedsInput,
        DialoguePhase.Tunnel => false,
        _ => true,
    }));

    private bool WantsMta => !_session.HasEnded && (_mta.Received.IsEmpty || _replies.NeedsInput);

    // Nothing moved: is that the end?
    private void LookForEnd()
    {
        if (IsClientDone())
            _session.End(_client.Departure);
        else if (_drain.Draining.IsCancellationRequested)
            Drain();
        else if (_open.IsAsked)
            Shed();
        if (!_session.HasEnded)
            LookForTimeout();
    }

    // A client that has closed its side may still read: complete commands are answered, an incomplete line or message is dropped (RFC 9293 section 3.6).
    // One whose replies can't be sent any more is gone; what the MTA owes it is read all the same.
    private bool IsClientDone() => (_client.IsReceiveEnded || _client.IsBroken) && _session.Dialogue.Phase switch
    {
        DialoguePhase.Commands => _session.Dialogue.Owed == 0 && !_mta.IsFlushing && !_client.IsFlushing,
        DialoguePhase.SaslResponse => true,
        DialoguePhase.Content => !_mta.IsFlushing,
        DialoguePhase.Chunk => !_mta.IsFlushing && !OwesRepliesBeforeChunk,
        _ => false,
    };

    // Commands before the chunk of a BDAT, which has its own place among them unless it is refused.
    private bool OwesRepliesBeforeChunk => _session.Dialogue.Owed > (_session.Transaction.ChunkRefusal is null ? 1 : 0);

    private void Drain()
    {
        if (!_session.IsBusy)
            _session.End(SessionEndReason.Shutdown, Replies.ServiceNotAvailable(_session.Options.MyHostname));
        else if (_drain.Deadline.IsCancellationRequested)
            _session.End(SessionEndReason.Shutdown, _session.Dialogue.AwaitsMessageReply ? null : Replies.ServiceNotAvailable(_session.Options.MyHostname));
    }

    // What a session is asked for want of memory, it does where it loses no message: the MTA's verdict on one is waited for, and a tunnel may have one under way.
    private void Shed()
    {
        if (Rank is SheddingRank.Kept)
            _open.Decline();
        else
            _session.End(SessionEndReason.Shed, Replies.ServiceNotAvailable(_session.Options.MyHostname));
    }

    private SheddingRank Rank
    {
        get
        {
            var phase = _session.Dialogue.Phase;
            if (!_greeting.IsOver || _session.HasEnded || _session.Dialogue.AwaitsMessageReply || (phase is DialoguePhase.Tunnel && _client.Tunnelled > 0))
                return SheddingRank.Kept;
            if (phase is DialoguePhase.Content or DialoguePhase.Chunk or DialoguePhase.RefusedContent || _session.Transaction.HasContent)
                return SheddingRank.Content;
            return _session.IsBusy ? SheddingRank.Transaction : SheddingRank.Idle;
        }
    }

    // The clock may be far ahead of the sockets, when the process stood still: who has answered meanwhile was in time.
    private void LookForTimeout()
    {
        if (Deadlines.Expired(_session) is not { } late || _client.HasNews || _mta.HasNews)
            return;

        switch (late.Ends)
        {
            case SessionEndReason.ClientStalled when !_client.IsBroken:
                _client.GiveUp();
                break;
            case SessionEndReason.ClientLost:
                _session.End(_session.Dialogue.After == Verb.Quit.Name() ? SessionEndReason.ClientQuit : _client.Departure);
                break;
            case SessionEndReason.ClientTimeout:
                _session.End(late.Ends, Replies.TimeoutExceeded(_session.Options.MyHostname));
                break;
            case SessionEndReason.UpstreamTimeout:
                _session.End(late.Ends, Replies.UpstreamUnavailable(_session.Options.MyHostname));
                break;
            default:
                _session.End(late.Ends);
                break;
        }
    }

    // The command in progress belongs to the statistics, as one that did not succeed; behind the hard error limit none is in progress.
    private void NoteEnd()
    {
        _isEnding = true;
        After = _session.DescribeAfter();
        if (_session.Dialogue.Owed > 0 && _session.Ending.Reason != SessionEndReason.TooManyErrors && !_session.Dialogue.Oldest.IsBlank)
            _session.Context.Statistics.Count(_session.Dialogue.Oldest.Verb, succeeded: false);

        // It ends for the sake of what it holds; the last reply can take its time.
        if (_session.Ending.Reason == SessionEndReason.Shed)
            _client.DropInput();
    }

    private void Finish()
    {
        if (!_isEnding)
            NoteEnd();
        if (_client.IsFlushing && _session.Clock.Now < Deadlines.WriteDue(_session))
            return;

        // Between the lines of another reply it would be none.
        if (_replies.IsWithinReply)
            _session.Ending.NoteTold();
        if (_session.Ending.Reply is { } reply && !_client.IsFlushing)
        {
            if (_session.Ending.Reason != SessionEndReason.Shed && !_client.Pace.MayReply())
                return;
            _client.Write(reply.Octets.Span);
            _session.Ending.NoteTold();
        }

        _client.FlushNow();
        _isOver = !_client.IsFlushing || _session.Clock.Now >= Deadlines.WriteDue(_session);
    }
}
