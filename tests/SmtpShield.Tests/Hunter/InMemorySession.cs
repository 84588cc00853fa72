using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Connections;
using SmtpShield.Admission;
using SmtpShield.Hosting;
using SmtpShield.Limits;
using SmtpShield.Mta;
using SmtpShield.Observe;
using SmtpShield.Options;
using SmtpShield.Session;
using SmtpShield.Testing.Hunter;
using SmtpShield.Tests.Admission;
using SmtpShield.Tests.Mta;
using SmtpShield.Tests.Session;
using SmtpShield.Tls;

namespace SmtpShield.Tests.Hunter;

/// <summary>
/// One session, with all who take part in it moving in turns that chance decides, on one thread; nothing else is left to chance, so a seed is a
/// session. Time stands still while somebody can move, and goes on when nobody can.
/// </summary>
internal sealed class InMemorySession : TestDialer, IDisposable
{
    private const int MostTurns = 300_000;
    private const int Backlog = 400;
    private static readonly TlsFacts s_facts = new() { Protocol = "TLSv1.3", Cipher = "TLS_AES_256_GCM_SHA384", UsedBits = 256, TotalBits = 256 };
    private static readonly TimeSpan s_longestDelay = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_longestEnd = TimeSpan.FromSeconds(61);
    private static readonly PipeOptions s_wide = new(readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, pauseWriterThreshold: 0,
        useSynchronizationContext: false);
    private static readonly PipeOptions s_narrow = new(
        readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, pauseWriterThreshold: Backlog, resumeWriterThreshold: 1,
        useSynchronizationContext: false);

    private readonly InMemoryHunter _hunter;
    private readonly HuntConfiguration _configuration;
    private readonly Random _random;
    private readonly int _seed;
    private readonly InMemoryClient _client;
    private readonly ClientConnection _connection;
    private readonly SessionContext _context;
    private readonly OpenSession _open;
    private readonly IDuplexPipe _transport;
    private readonly IDuplexPipe _clientEnd;
    private readonly LenientMtas _lenientMtas;
    private readonly ConnectionDrain _drain;
    private readonly DrainWatch? _drainWatch;
    private readonly List<HuntReload> _reloads = [];
    private readonly bool _hasHandshakeRoom;
    private readonly int _drainsAt;
    private readonly bool _isReloading;
    private readonly bool _isObserved;
    private readonly int _writesOfAReload;
    private InMemoryMta _mta = null!;
    private IDuplexPipe _shieldToMta = null!;
    private TaskCompletionSource<UpstreamDialResult>? _dial;
    private string? _noMta;
    private TimeSpan _lastMove;
    private TimeSpan _drainedAt;
    private int _sentBeforeDrain;
    private bool _isBehindTls;
    private bool _isInStep = true;
    private bool _isReloadNear;
    private bool _mtaHoldsBack;
    private Dictionary<int, int> _sentBeforeVerdict = [];
    private (ClientLog Client, MtaLog Mta)? _inClear;
    private int _turns;

    private InMemorySession(InMemoryHunter hunter, HuntConfiguration configuration, SessionPlan plan, int seed, Splitting split)
    {
        (_hunter, _configuration, _seed) = (hunter, configuration, seed);
        _random = new(seed ^ (int)split << 28);
        _client = new(plan, split, _random);
        _hasHandshakeRoom = _random.Next(10) > 0;
        _drainsAt = _random.Next(10) == 0 ? _random.Next(1, 60) : int.MaxValue;
        _isReloading = _random.Next(8) == 0 && !plan.IsDeaf;
        _writesOfAReload = split is Splitting.Bytewise ? 60 : 5;
        Configure(hunter.Options.Limits, _isObserved = PickObserved());
        _lenientMtas = InMemoryHunter.NewLenientMtas();
        _drain = _drainsAt < int.MaxValue ? new(hunter.Snapshot, hunter.Time) : hunter.Drain;
        _drainWatch = _drainsAt < int.MaxValue ? new(_drain) : null;
        (_transport, var end) = DuplexPipe.CreateConnectionPair(s_wide, plan.IsDeaf || _random.Next(3) == 0 ? s_narrow : s_wide);
        _client.Attach(_clientEnd = end);
        _connection = hunter.NewConnection(_transport, (seed * Enum.GetValues<Splitting>().Length) + (int)split);
        _context = new(_connection, () => _hasHandshakeRoom ? new(new(hunter.Time), _connection.Client.Range) : null);
        _open = hunter.Sessions.Add(_connection);
    }

    private ClientCounter Counter => _connection.Counter!;

    /// <summary>Makes up what the client of a session does.</summary>
    public static SessionPlan MakeUp(HuntConfiguration configuration, int seed)
    {
        var random = new Random(seed);
        var plan = new PlanGenerator(random, configuration.OffersTls).Generate();
        return random.Next(6) == 0 ? plan with { Leaving = Leaving.Stays, IsDeaf = random.Next(4) == 0 } : plan;
    }

    /// <summary>Plays a session to its end and checks it.</summary>
    /// <returns>What is wrong, with the dialogue; null when nothing is.</returns>
    public static string? Play(InMemoryHunter hunter, HuntConfiguration configuration, SessionPlan plan, int seed, Splitting split)
    {
        // In the context of NUnit's threads what is to go on at once would go on elsewhere, and at some time.
        var context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        var session = new InMemorySession(hunter, configuration, plan, seed, split);
        var description = new StringBuilder();
        try
        {
            session.Run(plan, description);
            return null;
        }
        catch (Exception problem)
        {
            return $"Seed {seed}, {split} ({configuration.Name}): {(problem is HuntException ? problem.Message : problem)}\n{description}";
        }
        finally
        {
            session.Dispose();
            hunter.Snapshot.Replace(hunter.Options);
            SynchronizationContext.SetSynchronizationContext(context);
        }
    }

    /// <inheritdoc/>
    public override ValueTask<UpstreamDialResult> DialAsync(
        ReadOnlyMemory<byte> hello, bool mayReuse, Action wake, CancellationToken leaveQueue, CancellationToken cancellationToken)
    {
        var dial = _dial = new();
        cancellationToken.Register(() => dial.TrySetCanceled(cancellationToken));
        return new(dial.Task);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _drainWatch?.Dispose();
        if (_drainWatch is not null)
            _drain.Dispose();
        _open.Dispose();
        _context.Dispose();
        _connection.Dispose();
    }

    private void Run(SessionPlan plan, StringBuilder description)
    {
        Counter.Connect();
        var reference = new ReferenceSession(_configuration, _context.Client.AddressText, isLenient: false) { IsObserved = _isObserved };
        if (RunPart(plan, reference, description))
        {
            _inClear = (_client.Log, _mta.Log);
            _reloads.Clear();
            _sentBeforeDrain = 0;
            _sentBeforeVerdict = [];
            _isBehindTls = true;
            _connection.EnterTls(_transport, s_facts);
            reference.BeginTls();
            _client.Attach(_clientEnd);
            RunPart(plan, reference, description);
        }

        _hunter.LetConnectionsEnd();
        if (!_drain.Draining.IsCancellationRequested && _hunter.Time.ActiveTimers > 0)
            throw new HuntException("a timer is left");
        _open.Dispose();
        Counter.Dispose();
        _hunter.CheckCounters(_context.Client);
    }

    // True: it goes on in TLS.
    private bool RunPart(SessionPlan plan, ReferenceSession reference, StringBuilder description)
    {
        _mtaHoldsBack = _random.Next(3) == 0;
        (_shieldToMta, var mtaEnd) = DuplexPipe.CreateConnectionPair(s_wide, _mtaHoldsBack ? s_narrow : s_wide);
        _mta = new(
            new(new(_seed + (_isBehindTls ? 1 : 0) ^ -1), $"s{_seed}{(_isBehindTls ? "t" : "")}", _configuration.HasStrictMta, maySilence: true), mtaEnd);
        _noMta = _random.Next(80) switch { 0 => "421 4.3.0 mail.example.com Error: mail server unavailable", 1 =>
            "421 4.3.2 mail.example.com Error: mail server busy", _ => null };
        var loop = new SessionLoop(_context, this, TestMemory.Of(_hunter.Time), _drain, _open, _hunter.RemovedKeywords, _lenientMtas,
            _hunter.Time, _hunter.Log);
        var running = loop.RunAsync().AsTask();
        var started = _hunter.Time.Elapsed;
        try
        {
            Play(running);
        }
        finally
        {
            Complete(loop.DisposeAsync());
            if (!GoesOn(running))
            {
                _transport.Output.Complete();
                _transport.Input.Complete();
                _client.ReadRest();
            }

            _shieldToMta.Output.Complete();
            _shieldToMta.Input.Complete();
            _mta.NoteEnd();
            description.AppendLine(System.Globalization.CultureInfo.InvariantCulture,
                $"{(_isBehindTls ? "Behind STARTTLS" : "In clear")}, ended: {(running.IsCompletedSuccessfully ? running.Result.Reason : "not")} "
                    + $"after {_hunter.Time.Elapsed - started}, drain {(_drain.Draining.IsCancellationRequested ? "begun" : "not begun")}, "
                    + $"{Observed(_isObserved)}, reloads:{string.Concat(_reloads.Select(Describe))}");
            if (!running.IsCompletedSuccessfully)
                Describe(plan, description);
        }

        var reason = running.Result.Reason;
        Check(reason, plan, reference, description);
        return GoesOn(running);
    }

    private bool GoesOn(Task<SessionEnd> running) =>
        running is { IsCompletedSuccessfully: true, Result.Reason: SessionEndReason.StartTls } && !_client.HasLeft && !_client.IsDeaf;

    private void Check(SessionEndReason reason, SessionPlan plan, ReferenceSession reference, StringBuilder description)
    {
        var now = _hunter.Time.Elapsed;
        var isDraining = _drain.Draining.IsCancellationRequested;
        var ending = reason switch
        {
            SessionEndReason.ClientTimeout => HuntEnd.ClientTimeout,
            SessionEndReason.UpstreamTimeout => HuntEnd.MtaTimeout,
            SessionEndReason.Shutdown => _drain.Deadline.IsCancellationRequested ? HuntEnd.DrainDeadline : HuntEnd.Drained,
            _ => HuntEnd.None,
        };
        var circumstances = new HuntCircumstances
        {
            End = ending,
            NoMta = reason is SessionEndReason.NoUpstream ? _noMta ?? "421 4.3.0 mail.example.com Error: mail server unavailable" : null,
            Reloads = _reloads,
            IsDraining = isDraining && now - _drainedAt > s_longestDelay,
            SentBeforeVerdict = _sentBeforeVerdict,
            SentBeforeDrain = _sentBeforeDrain,
            ClientStays = !_client.HasLeft,
            MtaHoldsBack = _mtaHoldsBack,
            HasHandshakeRoom = _hasHandshakeRoom,
            HasBegunTls = reason is SessionEndReason.StartTls,
            IsBehindTls = _isBehindTls,
        };
        try
        {
            if (reason is SessionEndReason.Shutdown && !isDraining)
                throw new HuntException("shut down without a shutdown");
            if (isDraining && now - _drainedAt > _hunter.Options.Listener.DrainTimeout + s_longestEnd)
                throw new HuntException("the session has outlived the drain");
            if (reason is SessionEndReason.ClientQuit or SessionEndReason.StartTls && !_client.HasVanished && _hunter.HasInFlight(_context.Client))
                throw new HuntException("all is answered, and commands or logins are still counted as with the MTA");
            // One that has talked out of turn may wait for the rest of what it takes for a chunk.
            if (reason is SessionEndReason.UpstreamTimeout && !_mta.Log.IsSilent && _mta.Log.EventsInTurn == int.MaxValue)
                throw new HuntException("the MTA was given up, and was not silent");
            if (now - _lastMove > LongestSilence(reason))
                throw new HuntException($"nobody moved for {now - _lastMove}");
            if (reason is SessionEndReason.ClientTimeout && now - _lastMove < ShortestPatience - s_longestDelay)
                throw new HuntException($"the client was given up after {now - _lastMove}");
            _isInStep = _isInStep && new SessionChecker(_configuration, reference, _client.Log, _mta.Log, circumstances).Check();
        }
        catch (Exception)
        {
            Describe(plan, description);
            throw;
        }
    }

    private void Describe(SessionPlan plan, StringBuilder description)
    {
        if (_inClear is var (client, mta))
            description.AppendLine("In clear:").Append(SessionText.Describe(plan, client, mta)).AppendLine("Behind STARTTLS:");
        description.Append(SessionText.Describe(plan, _client.Log, _mta.Log));
    }

    // A tunnel is not waited for long until the client begins its handshake.
    private TimeSpan ShortestPatience => _mta.Log.Tunnelled.Length > 0 ? _hunter.Options.Tls.HandshakeTimeout : _hunter.Options.Smtpd.RequestDeadline;

    // A client may be waited for and then not take what it is told; replies may be delayed, line by line.
    private TimeSpan LongestSilence(SessionEndReason reason) =>
        (reason is SessionEndReason.UpstreamTimeout ? _hunter.Options.Upstream.DataDoneTimeout : _hunter.Options.Smtpd.Timeout)
            + s_longestEnd + (20 * s_longestDelay);

    private void Play(Task<SessionEnd> running)
    {
        _lastMove = _hunter.Time.Elapsed;
        Span<int> movers = stackalloc int[3];
        while (true)
        {
            if (++_turns > MostTurns)
                throw new HuntException("the session does not end");
            _drainWatch?.WaitForReactions();
            _client.Read();
            if (running.IsCompleted)
                return;
            if (_turns == _drainsAt)
            {
                BeginDrain();
                continue;
            }

            var count = 0;
            if (_client.CanAct)
                movers[count++] = 0;
            if (_dial is { Task.IsCompleted: false } && _mta.HasGreeted)
                movers[count++] = 2;
            else if (_mta.CanAct || MtaHears())
                movers[count++] = 1;
            if (count == 1 && movers[0] == 0 && TryReload())
                continue;
            if (count > 0)
                Move(movers[_random.Next(count)]);
            else
                WaitForSomebody();
        }
    }

    // Before nobody waits for it the MTA looks at what has come only when chance will have it: more may come until then.
    private bool MtaHears()
    {
        if (_random.Next(3) > 0 || !_client.CanAct)
            _mta.Read();
        return _mta.CanAct;
    }

    private void Move(int mover)
    {
        _lastMove = _hunter.Time.Elapsed;
        switch (mover)
        {
            case 0:
                _client.Act();
                break;
            case 1:
                _mta.Act();
                if (_mta.Log.EarlyOutput is { } early && _mta.HasGreeted)
                    _sentBeforeVerdict.TryAdd(early, _client.Sent);
                break;
            default:
                EndDial();
                break;
        }
    }

    private void WaitForSomebody()
    {
        var next = _hunter.Time.NextDue;
        if (next is { } due && due <= s_longestDelay)
        {
            _hunter.Time.Advance(due);
            return;
        }

        if (MayReload && _random.Next(2) == 0)
            Reload();
        if (_client.IsWaiting)
            _client.GiveUpWaiting();
        else if (next is { } later)
            _hunter.Time.Advance(later);
        else
            throw new HuntException("the session waits for nothing");
    }

    // Between two writes of the client, when all that was sent has been answered, as far as it will be. False: not now; true: that, or some time has passed.
    private bool TryReload()
    {
        _isReloadNear = MayReload && (_isReloadNear || _random.Next(_writesOfAReload) == 0);
        if (!_isReloadNear)
            return false;

        _mta.Read();
        if (_mta.CanAct)
            return true;
        if (_hunter.Time.NextDue is { } due && due <= s_longestDelay)
        {
            _hunter.Time.Advance(due);
            return true;
        }

        _isReloadNear = false;
        Reload();
        return true;
    }

    private bool MayReload => _isReloading && _reloads.Count < 3 && !_client.HasLeft && !_client.IsDone;

    private void Reload()
    {
        var configuration = HuntConfiguration.InMemory[_random.Next(HuntConfiguration.InMemory.Count)];
        var isObserved = PickObserved();
        _reloads.Add(new(_client.Sent, configuration.Limits, isObserved, configuration.Name));
        Configure(configuration.Limits, isObserved);
    }

    private static string Describe(HuntReload reload) =>
        string.Create(System.Globalization.CultureInfo.InvariantCulture, $" at {reload.At} {reload.Name}, {Observed(reload.IsObserved)};");

    private static string Observed(bool isObserved) => isObserved ? "observed" : "not observed";

    private bool PickObserved() => _random.Next(4) > 0;

    private void Configure(SmtpdLimitOptions limits, bool isObserved) =>
        _hunter.Snapshot.Replace(_hunter.Options with { Limits = limits, Anvil = _hunter.Options.Anvil with { Observe = isObserved } });

    private void BeginDrain()
    {
        _drainedAt = _hunter.Time.Elapsed;
        _sentBeforeDrain = _client.Sent;
        _drain.Begin();
        _drainWatch!.WaitForReactions();
    }

    private void EndDial()
    {
        if (_noMta is not null || _mta.Log.Outputs.Count == 0)
        {
            _dial!.TrySetResult(
                new(null, [new("192.0.2.25:25", "Connection refused")], GreetingTimedOut: _noMta?.StartsWith("421 4.3.2", StringComparison.Ordinal) ?? false));
            return;
        }

        var greeting = _mta.Log.Outputs[0];
        _shieldToMta.Input.TryRead(out var read);
        _shieldToMta.Input.AdvanceTo(read.Buffer.GetPosition(greeting.Sent.Length));
        var connection = new DefaultConnectionContext("mta") { Transport = _shieldToMta };
        _dial!.TrySetResult(
            new(
                new(connection, null, _hunter.Destination, _hunter.Destination.TakeSlot(), Encoding.Latin1.GetBytes(greeting.Relayed), greeting.Code),
                [],
                GreetingTimedOut: false));
    }

    private static void Complete(ValueTask task) => task.AsTask().GetAwaiter().GetResult();
}
