using Microsoft.Extensions.Logging;

namespace SmtpShield.Mta.Health;

/// <summary>
/// What a service knows of one of its destinations. It finds that out for itself: with another handoff, or other TLS, the same MTA may be none to use.
/// </summary>
/// <remarks>
/// Traffic is the best probe: a greeting of a client's session counts as one, and as long as they come the MTA is not probed at all. Busy is not down: an MTA
/// that is full serves those it has, and taking it out would send its load to the next one.
/// </remarks>
/// <param name="service">The service.</param>
/// <param name="destination">The destination.</param>
/// <param name="time">The clock.</param>
/// <param name="log">Where changes are told.</param>
internal sealed partial class MtaHealth(string service, UpstreamDestination destination, TimeProvider time, ILogger log)
{
    /// <summary>How long nothing is heard of an MTA that does not serve, or of which that is feared, before it is probed.</summary>
    public static readonly TimeSpan ProbeIntervalWhenNotUp = TimeSpan.FromSeconds(2);

    /// <summary>
    /// How long an MTA that has nothing to say may be waited for before it counts as dead, and how long what it has said proves that it lives.
    /// </summary>
    public static readonly TimeSpan Silence = TimeSpan.FromSeconds(30);

    /// <summary>How often clients may try an MTA that is down, when there is no other.</summary>
    public static readonly TimeSpan BetweenDialsWhenDown = TimeSpan.FromSeconds(1);

    /// <summary>How often it is told that it takes fewer sessions than it may have: as Postfix's master tells of its process limit.</summary>
    public static readonly TimeSpan BetweenWarnings = TimeSpan.FromSeconds(1000);

    /// <summary>Probes in vain, one behind the other, from which on it is down.</summary>
    public const int MostProbesInVain = 2;

    /// <summary>The same for clients' dials.</summary>
    public const int MostDialsInVain = 3;

    // So that the probes of many destinations do not come at the same moment.
    private const double Jitter = 0.1;

    private readonly Lock _gate = new();
    private readonly UsualGreeting _usualGreeting = new(time);
    private readonly AtMostOnce _dialWhenDown = new(time, BetweenDialsWhenDown);
    private readonly AtMostOnce _limitWarning = new(time, BetweenWarnings);
    private UpstreamState _state;
    private DateTimeOffset _since = time.GetUtcNow();
    private long _changedAt = time.GetTimestamp();
    private string _reason = "";
    private TimeSpan? _greeting;
    private int _probesInVain;
    private int _dialsInVain;
    private bool _isProbing;
    private bool _isAskedFor;
    private bool _wasTried;
    private long _waitsSince = time.GetTimestamp();
    private double _jitter = 1;

    // Null: after the interval that is configured for an MTA that serves.
    private TimeSpan? _probeAfter;

    /// <summary>Whether it is down.</summary>
    public bool IsDown
    {
        get
        {
            lock (_gate)
                return _state == UpstreamState.Down;
        }
    }

    /// <summary>Whether a client may try it although it is down: one at a time may.</summary>
    public bool IsDialDue() => _dialWhenDown.IsDue();

    /// <summary>
    /// Whether a probe is due, and begins it if so; <see cref="EndProbe"/> behind it. The first one is due at once: nobody knows it yet, nor what it offers.
    /// One that was taken out is probed when somebody asks for it, once.
    /// </summary>
    /// <param name="interval">How long nothing is heard of an MTA that serves before it is probed; 0: it is not probed.</param>
    public bool TryBeginProbe(TimeSpan interval)
    {
        lock (_gate)
        {
            var after = _probeAfter ?? (interval <= TimeSpan.Zero ? TimeSpan.MaxValue : _wasTried ? interval : TimeSpan.Zero);
            if (_isProbing || (destination.IsDrained && !_isAskedFor) || time.GetElapsedTime(_waitsSince) / _jitter < after)
                return false;
            _isAskedFor = false;
            return _isProbing = true;
        }
    }

    /// <summary>The probe is over; what it has shown comes by <see cref="Note"/>, if it could begin at all.</summary>
    public void EndProbe()
    {
        lock (_gate)
        {
            _isProbing = false;
            Schedule(_state == UpstreamState.Up && _dialsInVain == 0 && _probesInVain == 0 ? null : ProbeIntervalWhenNotUp);
        }
    }

    /// <summary>Makes a probe due now, also of one that was taken out.</summary>
    public void ProbeNow()
    {
        lock (_gate)
            (_isAskedFor, _probeAfter) = (true, TimeSpan.Zero);
    }

    /// <summary>Somebody has tried to have a session with it.</summary>
    /// <param name="outcome">What that has shown.</param>
    /// <param name="isProbe">Whether it was a probe, or else a client's dial.</param>
    public HealthChange Note(ProbeOutcome outcome, bool isProbe)
    {
        lock (_gate)
        {
            return outcome.Kind switch
            {
                ProbeOutcomeKind.Good => NoteGood(outcome.Took),
                ProbeOutcomeKind.Busy => NoteFull(outcome.Reason),
                ProbeOutcomeKind.Silent when destination.WasHeardWithin(Silence) => NoteBusy(outcome.Reason),
                _ => NoteFailed(outcome, isProbe),
            };
        }
    }

    /// <summary>How long it must be silent behind a connect to have something else to do; null: not known.</summary>
    public TimeSpan? TellingSilence
    {
        get
        {
            lock (_gate)
                return _usualGreeting.TellingSilence;
        }
    }

    /// <summary>
    /// It has been silent for <see cref="TellingSilence"/> behind a connect, which still waits. If it has answered others lately it is busy: it gets no more
    /// sessions for a moment, whose clients would wait as well.
    /// </summary>
    /// <param name="reason">What it was waited for, in the words of the log.</param>
    public void NoteSilence(string reason)
    {
        lock (_gate)
        {
            if (_state != UpstreamState.Down && destination.WasHeardWithin(Silence))
                NoteBusy(reason);
        }
    }

    /// <summary>Forgets what is known, and makes a probe due: it begins anew, now.</summary>
    public HealthChange Forget()
    {
        lock (_gate)
        {
            (_probesInVain, _dialsInVain, _probeAfter) = (0, 0, TimeSpan.Zero);
            var wasDown = _state == UpstreamState.Down;
            (_state, _since, _changedAt, _reason) = (UpstreamState.Up, time.GetUtcNow(), time.GetTimestamp(), "");
            return wasDown ? HealthChange.Back : HealthChange.None;
        }
    }

    /// <summary>A picture of it.</summary>
    /// <param name="weight">How often it is written.</param>
    /// <param name="limit">Sessions it may have; 0: no limit.</param>
    public UpstreamStatus Picture(int weight, int limit)
    {
        var slots = destination.Slots;
        lock (_gate)
        {
            var (state, since, reason) = destination.DrainedSince is { } drained ? (UpstreamState.Drain, drained, _reason) : (_state, _since, _reason);
            var inForce = slots.Terms.AreLimited ? slots.Terms.Limit : 0;
            return new(service, destination.Name, state, slots.Used, slots.Waiting, limit, inForce, weight, _greeting, since, reason)
            {
                Stress = destination.Stress.State,
                Kept = destination.Kept.Count,
            };
        }
    }

    private HealthChange NoteGood(TimeSpan took)
    {
        destination.NoteHeard();
        _greeting = took;
        _usualGreeting.Note(took);
        (_probesInVain, _dialsInVain) = (0, 0);
        Schedule(null);
        if (_state == UpstreamState.Up)
            return HealthChange.None;

        var wasDown = _state == UpstreamState.Down;
        if (wasDown)
            Log.Back(log, destination.Name, service, (long)time.GetElapsedTime(_changedAt).TotalSeconds);
        Become(UpstreamState.Up, "");
        return wasDown ? HealthChange.Back : HealthChange.None;
    }

    private HealthChange NoteFull(string reason)
    {
        var slots = destination.Slots;
        if (slots.Terms.AreLimited && slots.Used is > 1 and var used && _limitWarning.IsDue())
            Log.TakesFewer(log, destination.Name, used, slots.Terms.Limit);
        return NoteBusy(reason);
    }

    private HealthChange NoteBusy(string reason)
    {
        destination.Hold();
        (_probesInVain, _dialsInVain) = (0, 0);
        Schedule(ProbeIntervalWhenNotUp);
        if (_state == UpstreamState.Busy)
            return HealthChange.None;

        var wasDown = _state == UpstreamState.Down;
        Log.Busy(log, destination.Name, service, reason);
        Become(UpstreamState.Busy, reason);
        return wasDown ? HealthChange.Back : HealthChange.None;
    }

    private HealthChange NoteFailed(ProbeOutcome outcome, bool isProbe)
    {
        destination.RestartSlowStart();
        if (isProbe)
            _probesInVain++;
        else
            _dialsInVain++;
        Schedule(isProbe ? ProbeIntervalWhenNotUp : TimeSpan.Zero);
        var isDead = outcome.Kind == ProbeOutcomeKind.Silent && outcome.Took >= Silence;
        var isSure = isDead || _probesInVain >= MostProbesInVain || _dialsInVain >= MostDialsInVain;
        // Of one that was taken out somebody has asked for it, and wants to know now.
        var isAnswer = isProbe && destination.IsDrained;
        if (!isAnswer && (_state == UpstreamState.Down || !isSure))
            return HealthChange.None;

        Log.Down(log, destination.Name, service, outcome.Reason);
        Become(UpstreamState.Down, outcome.Reason);
        return HealthChange.Down;
    }

    private void Become(UpstreamState state, string reason)
    {
        if (state != _state)
            (_state, _since, _changedAt) = (state, time.GetUtcNow(), time.GetTimestamp());
        _reason = reason;
    }

    private void Schedule(TimeSpan? after)
    {
        _wasTried = true;
        _waitsSince = time.GetTimestamp();
        _probeAfter = after;
        _jitter = 1 + (Jitter * ((2 * Random.Shared.NextDouble()) - 1));
    }

    private static partial class Log
    {
        [LoggerMessage(1601, LogLevel.Warning, "upstream {Destination} is down for service {Service}: {Reason}", EventName = "UpstreamDown")]
        public static partial void Down(ILogger logger, string destination, string service, string reason);

        [LoggerMessage(1602, LogLevel.Information, "upstream {Destination} is back for service {Service} after {Seconds} s", EventName = "UpstreamBack")]
        public static partial void Back(ILogger logger, string destination, string service, long seconds);

        [LoggerMessage(1603, LogLevel.Information, "upstream {Destination} is busy for service {Service}: {Reason}", EventName = "UpstreamBusy")]
        public static partial void Busy(ILogger logger, string destination, string service, string reason);

        [LoggerMessage(1607, LogLevel.Warning, "upstream {Destination} says 421 with {Sessions} sessions, of {Limit} it may have: lower "
            + "shield_upstream_session_limit, or exempt the shield from what the MTA limits per client", EventName = "UpstreamTakesFewer")]
        public static partial void TakesFewer(ILogger logger, string destination, int sessions, int limit);
    }
}
