using System.IO.Pipelines;
using Microsoft.Extensions.Logging;
using SmtpShield.Configuration;
using SmtpShield.Listening;
using SmtpShield.Protocol;
using SmtpShield.Upstream;

namespace SmtpShield.Relay;

/// <summary>
/// Relays one session from the MTA's greeting to its end. One loop moves whatever can be moved without waiting (commands, content, replies), and then sleeps until one of
/// its sides, its deadline or shutdown wakes it. The two directions don't wait for each other: a client that does not read stops only its own replies.
/// </summary>
internal sealed class SessionRelay : IDisposable
{
    private const int RoundsPerTurn = 32;

    // Replies kept together for a group leave when they are as many octets as Postfix's stream buffers (VSTREAM_BUFSIZE): a group need not end.
    private const int MostHeld = 4096;

    private static readonly TimeSpan LongestWrite = TimeSpan.FromSeconds(60);

    // How long the MTA's replies to a client that is gone are waited for: longer than MTAs delay the reply to a wrong password or recipient (Exchange 5 s, Dovecot 2 s and more).
    private static readonly TimeSpan LongestSettlement = TimeSpan.FromSeconds(30);

    // What arrived at the MTA's socket may have been nothing to read, as a TLS session ticket; then no signal comes.
    private static readonly TimeSpan SecondLook = TimeSpan.FromMilliseconds(10);

    private readonly SessionSignal _signal = new();
    private readonly RelaySide _client;
    private readonly RelaySide _upstream;
    private readonly RelayState _state;
    private readonly CommandRelay _commands;
    private readonly ContentRelay _content;
    private readonly ReplyRelay _replies;
    private readonly ReplyPace _pace;
    private readonly Tunnel _tunnel;
    private readonly UpstreamConnection _connection;
    private readonly UpstreamOptions _upstreamOptions;
    private readonly ConnectionDrain _drain;
    private readonly TimeProvider _time;
    private readonly RelayDeadline _deadline;
    private readonly OpenSession _open;
    private CancellationTokenRegistration _drains;
    private CancellationTokenRegistration _drainEnds;
    private long _clientFlushStart;
    private long? _clientGone;
    private RelayResult _departure = RelayResult.ClientLost;
    private bool _isEnding;
    private bool _isOver;
    private bool _mustYield;

    /// <summary>Makes the relay of one session, or of its part behind STARTTLS; nothing is sent before <see cref="RunAsync"/>.</summary>
    public SessionRelay(
        SessionContext session,
        IDuplexPipe transport,
        UpstreamConnection upstream,
        ConnectionDrain drain,
        OpenSessions sessions,
        RemovedEhloKeywords removedKeywords,
        LenientMtas lenientMtas,
        TimeProvider time,
        ILogger log)
    {
        _connection = upstream;
        _drain = drain;
        _time = time;
        _upstreamOptions = session.Options.Upstream;
        _client = new(transport, _signal);
        _upstream = new(upstream.Transport, _signal);
        _state = new(session, _client, _upstream, time, log);
        _pace = new(_state, time);
        _content = new(_state);
        var budgets = new ClientBudgets(_state, _signal.Set);
        _commands = new(_state, budgets, lenientMtas, upstream.Destination);
        _replies = new(_state, _pace, _content, budgets, removedKeywords, lenientMtas, upstream.Destination);
        _tunnel = new(_state);
        _deadline = new(time, _signal);
        _open = sessions.Add(session.Client.Range, _signal.Set);
    }

    /// <summary>Behind what the session ended, as in <c>lost connection after RCPT</c> or <c>timeout after DATA (21 bytes)</c>.</summary>
    public string After { get; private set; } = RelayState.AfterConnect;

    /// <summary>Runs until the session is over and its last reply has been taken by the kernel.</summary>
    public async ValueTask<RelayResult> RunAsync()
    {
        _drains = _drain.Draining.UnsafeRegister(static signal => ((SessionSignal)signal!).Set(), _signal);
        try
        {
            _state.Now = _state.ClientActivity = _state.UpstreamActivity = _state.RequestStart = _time.GetTimestamp();
            if (_state.Session.Start == 0)
                Greet();
            else
                GoOn();
            Step();
            while (!_isOver)
            {
                if (_mustYield)
                    await Task.Yield();
                else
                    await _signal.WaitAsync().ConfigureAwait(false);
                Step();
            }

            return _state.Result;
        }
        finally
        {
            _client.Detach();
            _upstream.Detach();
        }
    }

    private void Greet()
    {
        _state.Session.Start = _state.Now;
        _replies.Greet(_connection.Greeting, _connection.GreetingCode);
    }

    // The client was greeted before STARTTLS: the greeting of the MTA's new session is not for it.
    private void GoOn()
    {
        _state.After = RelayState.AfterStartTls;
        _replies.GoOn(_connection.Greeting, _connection.GreetingCode);
    }

    /// <summary>Nothing wakes the session any more.</summary>
    public void Dispose()
    {
        _open.Dispose();
        _deadline.Dispose();
        _drains.Unregister();
        _drainEnds.Unregister();
    }

    private long ContentReceived => _state.ContentLength + _client.Buffered;

    private string DescribeAfter() => _state.Phase switch
    {
        RelayPhase.Content or RelayPhase.RefusedContent => $"DATA ({_state.CompleteLines} bytes)",
        _ when _state.Phase is RelayPhase.Chunk || _state.IsAfterChunk => $"BDAT ({ContentReceived} bytes)",
        _ => _state.After,
    };

    // Everything that can happen without waiting, up to a turn's worth: a fast sender must not keep a thread from the other sessions on it.
    private void Step()
    {
        var rounds = 0;
        bool again;
        do
        {
            _state.Now = _time.GetTimestamp();
            if (_client.Poll())
                _state.ClientActivity = _state.Now;
            if (_upstream.Poll())
                NoteUpstreamActivity();
            if (_client.IsBroken)
                NoteClientGone();
            _state.ContentBudget.Hold(_upstream.IsFlushing, _state.Now);

            while (_replies.Pump() | _commands.Pump() | _content.Pump() | _tunnel.Pump())
            {
                // As long as one direction moves, the other may be able to follow.
            }

            if (!_state.HasEnded)
                LookForEnd();
            if (_state.HasEnded && !_isEnding)
                NoteEnd();
            if (_state.HasEnded)
                SendFinalReply();
            if (!_state.HasEnded || _state.Phase is RelayPhase.Tunnel)
                FlushUpstream();
            _state.ContentBudget.Hold(_upstream.IsFlushing, _state.Now);
            FlushClient();
            again = !_isOver && (_client.Read(WantsClient) | _upstream.Read(WantsUpstream));
        }
        while (again && ++rounds < RoundsPerTurn);

        _open.Note(Rank, _client.Buffered + _upstream.Buffered, _state.RequestStart);
        _mustYield = again;
        if (!_isOver)
            _deadline.Arm(NextDue(), _time.GetTimestamp());
    }

    // The command in progress belongs to the statistics, as one that did not succeed; behind the hard error limit none is in progress.
    private void NoteEnd()
    {
        _isEnding = true;
        After = DescribeAfter();
        if (_state.Pending.Count > 0 && _state.Result != RelayResult.TooManyErrors && !_state.Pending.Head.IsBlank)
            _state.Statistics.Count(_state.Pending.Head.Verb, succeeded: false);

        // It ends for the sake of what it holds; the last reply can take its time.
        if (_state.Result == RelayResult.Shed)
            _client.StopReceiving();
    }

    // Postfix goes on with the commands it has read until it can't send a reply (smtpd_chat.c): the MTA's replies to them are still read, counted and logged.
    private void NoteClientGone()
    {
        _clientGone ??= _state.Now;
        if (_client.HasLostOutput)
            _client.StopReceiving();
    }

    private void NoteUpstreamActivity()
    {
        _state.UpstreamActivity = _state.Now;

        // The client could not send content while the MTA did not take it: its wait starts now.
        if (_state.Phase is RelayPhase.Content or RelayPhase.Chunk)
            _state.ClientActivity = _state.Now;
    }

    // While the session can't use the client's bytes it reads on only if it holds none, to notice that the client has gone.
    private bool WantsClient => !_state.HasEnded && (_client.Received.IsEmpty || (!_upstream.IsFlushing && _state.Phase switch
    {
        RelayPhase.Commands or RelayPhase.SaslResponse => _commands.NeedsInput,
        RelayPhase.Tunnel => false,
        _ => true,
    }));

    private bool WantsUpstream => !_state.HasEnded && (_upstream.Received.IsEmpty || _replies.NeedsInput);

    // Nothing moved: is that the end?
    private void LookForEnd()
    {
        if (IsClientDone())
            _state.End(_departure);
        else if (_drain.Draining.IsCancellationRequested)
            Drain();
        else if (_open.IsAsked)
            Shed();
        if (!_state.HasEnded)
            LookForTimeout();
    }

    // A client that has closed its side may still read: complete commands are answered, an incomplete line or message is dropped (RFC 9293 section 3.6).
    // One whose replies can't be sent any more is gone; what the MTA owes it is read all the same.
    private bool IsClientDone() => (_client.IsReceiveEnded || _client.IsBroken) && _state.Phase switch
    {
        RelayPhase.Commands => _state.Pending.Count == 0 && !_upstream.IsFlushing && !_client.IsFlushing,
        RelayPhase.SaslResponse => true,
        RelayPhase.Content => !_upstream.IsFlushing,
        RelayPhase.Chunk => !_upstream.IsFlushing && !OwesRepliesBeforeChunk,
        _ => false,
    };

    // Commands before the chunk of a BDAT, which has its own place among them unless it is refused.
    private bool OwesRepliesBeforeChunk => _state.Pending.Count > (_state.ChunkRefusal is null ? 1 : 0);

    private void Drain()
    {
        if (!_state.InTransaction)
            _state.End(RelayResult.Shutdown, Replies.ServiceNotAvailable(_state.Options.MyHostname));
        else if (_drain.Deadline.IsCancellationRequested)
            _state.End(RelayResult.Shutdown, _state.AwaitsMessageReply ? null : Replies.ServiceNotAvailable(_state.Options.MyHostname));
        else if (_drainEnds == default)
            _drainEnds = _drain.Deadline.UnsafeRegister(static signal => ((SessionSignal)signal!).Set(), _signal);
    }

    // What a session is asked for want of memory, it does where it loses no message: the MTA's verdict on one is waited for, and a tunnel may have one under way.
    private void Shed()
    {
        if (Rank is SheddingRank.Kept)
            _open.Decline();
        else
            _state.End(RelayResult.Shed, Replies.ServiceNotAvailable(_state.Options.MyHostname));
    }

    private SheddingRank Rank
    {
        get
        {
            if (_state.HasEnded || _state.AwaitsMessageReply || (_state.Phase is RelayPhase.Tunnel && _tunnel.HasBegun))
                return SheddingRank.Kept;
            if (_state.Phase is RelayPhase.Content or RelayPhase.Chunk or RelayPhase.RefusedContent || _state.Envelope.HasContent)
                return SheddingRank.Content;
            return _state.InTransaction ? SheddingRank.Transaction : SheddingRank.Idle;
        }
    }

    private void LookForTimeout()
    {
        // The clock may be far ahead of the sockets, when the process stood still: who has answered meanwhile was in time.
        var timeout = FindTimeout();
        if (timeout == RelayResult.None || _client.HasNews || _upstream.HasNews)
            return;

        switch (timeout)
        {
            case RelayResult.ClientStalled when !_client.IsBroken:
                Abandon();
                break;
            case RelayResult.ClientTimeout:
                _state.End(timeout, Replies.TimeoutExceeded(_state.Options.MyHostname));
                break;
            case RelayResult.UpstreamTimeout:
                _state.End(timeout, Replies.UpstreamUnavailable(_state.Options.MyHostname));
                break;
            default:
                _state.End(timeout);
                break;
        }
    }

    private RelayResult FindTimeout()
    {
        if (_client.IsBroken && _state.Now >= SettlementDue)
            return _state.After == Verb.Quit.Name() ? RelayResult.ClientQuit : _departure;
        if (_client.IsFlushing && _state.Now >= ClientWriteDue)
            return RelayResult.ClientStalled;
        if ((IsClientsTurn && _state.Now >= ClientDue) || (MayEndAtTimeLimit && _state.Now >= SessionDue))
            return RelayResult.ClientTimeout;
        return IsUpstreamsTurn && _state.Now >= UpstreamDue ? RelayResult.UpstreamTimeout : RelayResult.None;
    }

    // To the books a client that takes nothing is one that is gone.
    private void Abandon()
    {
        _departure = RelayResult.ClientStalled;
        _client.Abandon();
        _signal.Set();
    }

    private void SendFinalReply()
    {
        if (_client.IsFlushing && _state.Now < ClientWriteDue)
            return;

        // Between the lines of another reply it would be none.
        if (_replies.IsWithinReply)
            _state.FinalReply = null;
        if (_state.FinalReply is { } reply && !_client.IsFlushing)
        {
            if (_state.Result != RelayResult.Shed && !_pace.MayReply())
                return;
            _client.Write(reply.Octets.Span);
            _state.FinalReply = null;
        }

        FlushClientNow();
        _isOver = !_client.IsFlushing || _state.Now >= ClientWriteDue;
    }

    // Replies to a pipelined group leave together; what the client waits for leaves at once.
    private void FlushClient()
    {
        if (!_client.HasUnflushed || !(_pace.MustFlush || _client.Unflushed >= MostHeld || _state.HasEnded || IsClientsTurn || _state.Phase is RelayPhase.Tunnel))
            return;

        FlushClientNow();
        _pace.NoteFlushed();
    }

    // Content may come long after the MTA was last heard of: its time to take it starts when it is sent. (Commands have theirs from the first one without a reply.)
    private void FlushUpstream()
    {
        // What an MTA has said before it could have the whole message is no acknowledgement, so it must be looked at before the rest leaves.
        if (_state.HoldsMessageEnd && _upstream.HasTalked)
            return;

        _state.HoldsMessageEnd = false;
        if (_upstream.HasUnflushed && !_upstream.IsFlushing && (_state.Phase is RelayPhase.Content or RelayPhase.Chunk))
            _state.UpstreamActivity = _state.Now;
        _upstream.Flush();
    }

    // A write has its own start: what the client sends meanwhile does not prolong it, and its silence before does not shorten it.
    private void FlushClientNow()
    {
        if (!_client.IsFlushing)
            _clientFlushStart = _state.Now;
        _client.Flush();
    }

    private bool IsClientsTurn => _state.Phase is RelayPhase.Content or RelayPhase.Chunk or RelayPhase.SaslResponse
        ? !_upstream.IsFlushing
        : _state.Pending.Count == 0;

    // While the client takes a reply the next one may have come long ago: the MTA is not waited for.
    private bool IsUpstreamsTurn => _upstream.IsFlushing
        || (!_client.IsFlushing && _state.Phase is RelayPhase.Commands && _state.Pending.Count > 0 && _state.Pending.Head.IsForwarded && _pace.DelayedUntil == 0);

    // A read that gets something is followed by another wait of the same length, unless the whole command has one (Postfix smtpd_per_request_deadline).
    private long ClientDue
    {
        get
        {
            var options = _state.Options;
            return _state.Phase switch
            {
                RelayPhase.Tunnel => Math.Min(
                    _state.Later(Math.Max(_state.ClientActivity, _state.UpstreamActivity), options.Timeout),
                    _tunnel.HasBegun ? long.MaxValue : _state.Later(_state.RequestStart, _state.Session.Options.Tls.HandshakeTimeout)),
                RelayPhase.Content or RelayPhase.Chunk => options.PerRequestDeadline
                    ? _state.ContentBudget.Due
                    : Math.Min(_state.ContentBudget.Due, _state.Later(_state.ClientActivity, options.Timeout)),
                _ => Math.Min(
                    _state.Later(options.PerRequestDeadline ? _state.RequestStart : _state.ClientActivity, options.Timeout),
                    _state.LineStart == 0 ? long.MaxValue : _state.Later(_state.LineStart, options.RequestDeadline)),
            };
        }
    }

    // Content on its way, and a message without its reply, are never cut off by the session's age.
    private bool MayEndAtTimeLimit => _state.Options.SessionTimeLimit > TimeSpan.Zero && _state.Phase is RelayPhase.Commands or RelayPhase.SaslResponse or RelayPhase.Tunnel && !_state.AwaitsMessageReply;

    private long SessionDue => _state.Later(_state.Session.Start, _state.Options.SessionTimeLimit);

    private long ClientWriteDue => _state.Later(_clientFlushStart, _state.Options.Timeout < LongestWrite ? _state.Options.Timeout : LongestWrite);

    // A message that is with the MTA has the MTA's time.
    private long SettlementDue => _state.AwaitsMessageReply
        ? long.MaxValue
        : _state.Later(_clientGone ?? _state.Now, _upstreamOptions.ReplyTimeout < LongestSettlement ? _upstreamOptions.ReplyTimeout : LongestSettlement);

    private long UpstreamDue => _state.Later(_state.UpstreamActivity, _state.AwaitsMessageReply ? _upstreamOptions.DataDoneTimeout : _upstreamOptions.ReplyTimeout);

    private long NextDue()
    {
        var due = long.MaxValue;
        if (_client.IsFlushing)
            due = ClientWriteDue;
        else if (_pace.DelayedUntil != 0)
            due = _pace.DelayedUntil;

        // Only the last reply is left to wait for; what else was due is over, and would wake the session every millisecond.
        if (_state.HasEnded)
            return due;
        if (_state.HoldsMessageEnd)
            due = Math.Min(due, _state.Later(_state.Now, SecondLook));
        if (_client.IsBroken)
            due = Math.Min(due, SettlementDue);
        if (IsClientsTurn)
            due = Math.Min(due, ClientDue);
        if (IsUpstreamsTurn)
            due = Math.Min(due, UpstreamDue);
        if (MayEndAtTimeLimit)
            due = Math.Min(due, SessionDue);
        if (_state.Phase is RelayPhase.RefusedContent)
            due = Math.Min(due, _content.RefusalDue);
        return due;
    }
}
