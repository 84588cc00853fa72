using Microsoft.Extensions.Logging;
using SmtpShield.Hosting;
using SmtpShield.Mta.Learned;
using SmtpShield.Observe;
using SmtpShield.Transport;

namespace SmtpShield.Session;

/// <summary>
/// Runs one session, or its part behind STARTTLS, from the dial to its end, and knows no rule of it. One loop moves whatever can be moved without waiting
/// (commands, content, replies), and then sleeps until one of its sides, its dial, its deadline or shutdown wakes it. The two directions don't wait for each
/// other: a client that does not read stops only its own replies.
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
    private readonly LateDial _lateDial;
    private readonly MtaAnswers _answers;
    private readonly SessionCounts _counts;
    private readonly SlotHolder _slot;
    private readonly Parting _parting;
    private readonly Tunnel _tunnel;
    private readonly Greeting _greeting;
    private readonly ConnectionDrain _drain;
    private readonly SessionTimer _timer;
    private readonly OpenSession _open;
    private readonly SessionWatch _watch;
    private readonly Farewell _farewell;
    private CancellationTokenRegistration _drains;
    private CancellationTokenRegistration _drainEnds;
    private bool _mustYield;

    /// <summary>Makes the loop of one session, or of its part behind STARTTLS; nothing happens before <see cref="RunAsync"/>.</summary>
    public SessionLoop(
        SessionContext context,
        IMtaDialer dialer,
        MtaMemory memory,
        ConnectionDrain drain,
        OpenSession open,
        RemovedEhloKeywords removedKeywords,
        LenientMtas lenientMtas,
        TimeProvider time,
        ILogger log)
    {
        var clock = new SessionClock(time);
        _client = new(context.Connection.Transport, _signal, context, clock);
        _mta = new(dialer, _signal, clock);
        _session = new(context, _client, _mta, memory, clock, log);
        _drain = drain;
        var budgets = new ClientBudgets(_session, _signal.Set);
        var gate = new CommandGate(_session, budgets, new(_signal.Set), lenientMtas);
        _content = new(_session, gate);
        var reputation = new Reputation(dialer);
        var ehlo = new EhloAnswers(_session, removedKeywords);
        _commands = new(_session, gate, budgets, new(_session, ehlo));
        _answers = new(_session);
        _counts = new(_session);
        _replies = new(_session, new(_session, _content, budgets, reputation, lenientMtas, _counts), ehlo, _answers);
        _lateDial = new(_session, gate, ehlo);
        _slot = new(_session, dialer, reputation);
        _parting = new(_session, gate);
        _tunnel = new(_session, gate);
        _greeting = new(_session, context.IsLate ? memory.Recall() : null, drain);
        _timer = new(time, _signal);
        _open = open;
        _watch = new(_session, _greeting, drain, open);
        _farewell = new(_session, _replies);
        open.Attach(_signal.Set);
    }

    /// <summary>Runs until the session is over and its last reply has been taken by the kernel.</summary>
    public async ValueTask<SessionEnd> RunAsync()
    {
        _drains = _drain.Draining.UnsafeRegister(static signal => ((SessionSignal)signal!).Set(), _signal);
        try
        {
            _greeting.Begin();
            Step();
            while (!_farewell.IsOver)
            {
                if (_mustYield)
                    await Task.Yield();
                else
                    await _signal.WaitAsync().ConfigureAwait(false);
                Step();
            }

            return _farewell.End;
        }
        finally
        {
            _counts.NoteEnd();
            ShadowWatch.LookAtEnd(_session);
            _client.Detach();
            _parting.Leave();
            _mta.Detach();
        }
    }

    /// <summary>Nothing wakes the session any more, and the MTA's connection is closed.</summary>
    public ValueTask DisposeAsync()
    {
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
            again = !_farewell.IsOver && (_client.Read(WantsClient) | _mta.Read(WantsMta));
        }
        while (again && ++rounds < RoundsPerTurn);

        _open.Note(_watch.Standing);
        _mustYield = again;
        if (!_farewell.IsOver)
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

        while (_lateDial.Pump() | _replies.Pump() | _commands.Pump() | _content.Pump() | _tunnel.Pump())
        {
            // As long as one direction moves, the other may be able to follow.
        }

        if (!_session.HasEnded)
            _watch.Look();
        _answers.Look();
        _slot.Look();
        if (_session.HasEnded)
            _farewell.Pump();
        if (!_session.HasEnded || _session.Dialogue.Phase is DialoguePhase.Tunnel)
            _mta.FlushInTime(isContent: _session.Dialogue.Phase is DialoguePhase.Content or DialoguePhase.Chunk);
        _client.HoldContent(_mta.IsFlushing);
        _client.FlushInTime(isAwaited: _session.HasEnded || Deadlines.IsClientsTurn(_session) || _session.Dialogue.Phase is DialoguePhase.Tunnel);
    }

    // While the session can't use the client's bytes it reads on only if it holds none, to notice that the client has gone.
    private bool WantsClient =>
        !_greeting.IsOver ? _greeting.WantsClient
        : _mta.HoldsCommand ? !_session.HasEnded && (_client.Received.IsEmpty || (_client.IsReadable && _client.Buffered < SocketPipeReader.MostBuffered))
        : !_session.HasEnded && (_client.Received.IsEmpty || (!_mta.IsFlushing && _session.Dialogue.Phase switch
        {
            DialoguePhase.Commands or DialoguePhase.SaslResponse => _commands.NeedsInput,
            DialoguePhase.Tunnel => false,
            _ => true,
        }));

    private bool WantsMta => !_session.HasEnded && (_mta.Received.IsEmpty || _replies.NeedsInput || _mta.ReplayingSince is not null || _mta.TriesHeld);
}
