using SmtpShield.Clients;
using SmtpShield.Limits.Shared;

namespace SmtpShield.Limits;

/// <summary>
/// What the table keeps of one client, in 112 octets: whose it is, its counts, what the log has of it, and its place in the <see cref="AnvilShard"/>. Times are
/// whole seconds since the table was made; references to other entries are their indices, 0 for none.
/// </summary>
internal struct AnvilEntry
{
    /// <summary>The next entry with the same bucket; the next free one in a free entry.</summary>
    public int Next;

    /// <summary>The idle entry whose last connection ended before this one's.</summary>
    public int Older;

    /// <summary>The idle entry whose last connection ended after this one's.</summary>
    public int Newer;

    private AnvilMarks _marks;

    private readonly byte _service;
    private readonly byte _prefixLength;
    private readonly bool _isIPv4;
    private readonly ulong _highBits;
    private readonly ulong _lowBits;

    // Above 0: connections open. Below: ~n, idle since second n. A record needs one of the two at a time.
    private int _openOrIdleSince;
    private int _windowStart;
    private AnvilEventCounts _current;
    private AnvilEventCounts _previous;

    /// <summary>What the log has of the client. Last: before the octets above it would need room to be aligned.</summary>
    public AnvilLogUse LogUse;

    /// <summary>A client without connections or events yet.</summary>
    /// <param name="client">The client.</param>
    /// <param name="service">Its service's number.</param>
    /// <param name="now">Opens its window.</param>
    public AnvilEntry(in ClientRange client, byte service, int now)
    {
        _service = service;
        _prefixLength = client.PrefixLength;
        _isIPv4 = client.IsIPv4;
        _highBits = (ulong)(client.Bits >> 64);
        _lowBits = (ulong)client.Bits;
        _windowStart = now;
        _openOrIdleSince = ~now;
    }

    /// <summary>Whose it is.</summary>
    public readonly ClientRange Client => new(new UInt128(_highBits, _lowBits), _prefixLength, _isIPv4);

    /// <summary>The number of the service it is counted at.</summary>
    public readonly byte Service => _service;

    /// <summary>Connections open.</summary>
    public readonly int Open => Math.Max(_openOrIdleSince, 0);

    /// <summary>Whether no connection is open.</summary>
    public readonly bool IsIdle => _openOrIdleSince < 0;

    /// <summary>The second its last connection ended in, of one that is idle.</summary>
    public readonly int IdleSince => ~_openOrIdleSince;

    /// <summary>What was counted in the window before, as far as it is kept.</summary>
    public readonly AnvilEventCounts Previous => _previous;

    /// <summary>Whether it is nobody's: it waits for its next client.</summary>
    public readonly bool IsFree => _openOrIdleSince == int.MinValue;

    /// <summary>When its window began; none has when it is <see cref="int.MinValue"/>.</summary>
    public readonly int WindowStart => _windowStart;

    /// <summary>What was counted in the window it has.</summary>
    public readonly AnvilEventCounts Current => _current;

    /// <summary>Whether it has a window: an event has opened one.</summary>
    public readonly bool HasWindow => _windowStart != int.MinValue;

    /// <summary>Whether the idle entry waits among those that were over a limit when room was needed.</summary>
    public bool IsHeld
    {
        readonly get => (_marks & AnvilMarks.Held) != 0;
        set => Mark(AnvilMarks.Held, value);
    }

    /// <summary>Whether a connection was refused for those that are open, of which one at least still is.</summary>
    public bool IsRefusedOpen
    {
        readonly get => (_marks & AnvilMarks.RefusedOpen) != 0;
        set => Mark(AnvilMarks.RefusedOpen, value);
    }

    /// <summary>Whether it is the record of this client at this service.</summary>
    public readonly bool Is(in ClientRange client, byte service) =>
        _lowBits == (ulong)client.Bits && _highBits == (ulong)(client.Bits >> 64) && _prefixLength == client.PrefixLength
        && _isIPv4 == client.IsIPv4 && _service == service;

    /// <summary>Whether its client is one of the same IP version with a higher address, host bits cleared.</summary>
    public readonly bool IsBehind(in ClientRange other) => _isIPv4 == other.IsIPv4
        && ((ulong)(other.Bits >> 64) is var high && _highBits != high ? _highBits > high : _lowBits > (ulong)other.Bits);

    /// <summary>Whether anvil would have deleted it.</summary>
    /// <remarks>At the unit, not above it as the window: anvil's timer fires in that second, before the event that finds the record (events.c).</remarks>
    public readonly bool IsExpired(int now, int unit) => IsIdle && now >= (long)~_openOrIdleSince + unit;

    /// <summary>Takes what an earlier process has counted. It must be idle.</summary>
    /// <param name="idleSince">Since when, in seconds as the table counts. Below 0 is 0: it is forgotten later, its window ends when it would.</param>
    /// <param name="windowStart">When its window began; <see cref="int.MinValue"/>: it has none.</param>
    /// <param name="current">What was counted in that.</param>
    /// <param name="previous">And in the one before.</param>
    public void Restore(int idleSince, int windowStart, in AnvilEventCounts current, in AnvilEventCounts previous) =>
        (_openOrIdleSince, _windowStart, _current, _previous) = (~Math.Max(idleSince, 0), windowStart, current, previous);

    /// <summary>Its window is opened by the next event, not by what it was made for.</summary>
    public void CloseWindow() => _windowStart = int.MinValue;

    /// <summary>Its client has gone for good.</summary>
    public void Free() => _openOrIdleSince = int.MinValue;

    /// <summary>All rates are 0, and the next event opens a window. Connections that are open stay counted, and what the log has of the client stays.</summary>
    public void Reset()
    {
        (_current, _previous) = (default, default);
        CloseWindow();
    }

    /// <summary>One connection more.</summary>
    public void Enter() => _openOrIdleSince = Open + 1;

    /// <summary>One connection less; the last one makes it idle. It must not be idle.</summary>
    public void Leave(int now) => _openOrIdleSince = _openOrIdleSince > 1 ? _openOrIdleSince - 1 : ~now;

    /// <summary>Idle since now, again: others have something of its client. It must be idle.</summary>
    public void StayIdle(int now) => _openOrIdleSince = ~now;

    /// <summary>Its window began then: an event of another shield has opened it. What was counted stays.</summary>
    public void MoveWindow(int start) => _windowStart = start;

    /// <summary>Some of what was counted belonged to a window that is over.</summary>
    public void Deduct(in AnvilEventCounts counts) => _current = _current.Without(counts);

    /// <summary>Counts what another process of this shield has counted. Roll first.</summary>
    public void Add(in AnvilEventCounts counts) => _current = _current.With(counts);

    /// <summary>Counts what other shields count, too: to a copy, which is looked at. Roll both first.</summary>
    public void Add(in OthersRecord others)
    {
        for (var i = 0; i < AnvilEventCounts.Length; i++)
            _current[i] = Sum(_current[i], others.Current(i));
        if (others.Open > 0)
            _openOrIdleSince = Sum(Open, others.Open);

        static int Sum(int one, int other) => (int)Math.Min(int.MaxValue, (long)one + other);
    }

    /// <summary>Counts an event and answers with <see cref="Rate"/>. Roll first.</summary>
    public int Count(int index, int now, AnvilWindow window)
    {
        _current[index]++;
        return Rate(index, now, window);
    }

    /// <summary>Starts the next window if this one is over.</summary>
    /// <remarks>
    /// Fixed: over when strictly more than the unit has passed, the next one begins now, and all rates begin at 0 (anvil.c). Sliding: windows follow each
    /// other without a gap, and the last one is kept for the estimate.
    /// </remarks>
    public void Roll(int now, AnvilWindow window)
    {
        if (!IsOver(now, window))
            return;

        var passed = (long)now - _windowStart;
        var follows = window.IsSliding && passed < 2L * window.Unit;
        _previous = follows ? _current : default;
        _current = default;
        _windowStart = follows ? _windowStart + window.Unit : now;
    }

    /// <summary>Whether this window is over: <see cref="Roll"/> would start the next one.</summary>
    public readonly bool IsOver(int now, AnvilWindow window)
    {
        var passed = (long)now - _windowStart;
        return window.IsSliding ? passed >= window.Unit : passed > window.Unit;
    }

    /// <summary>Events in the window that has been rolled to <paramref name="now"/>.</summary>
    /// <remarks>
    /// Sliding: also those of the window before, as many as would still be within the unit if they had come evenly; rounded up, so
    /// that a burst at its end and one behind it are never both within the limit.
    /// </remarks>
    public readonly int Rate(int index, int now, AnvilWindow window)
    {
        if (!window.IsSliding)
            return _current[index];

        var overlap = (long)_windowStart + window.Unit - now;
        return (int)Math.Min(int.MaxValue, _current[index] + (_previous[index] * overlap + window.Unit - 1) / window.Unit);
    }

    /// <summary>All counts. Roll first.</summary>
    public readonly AnvilCounts Counts(int now, AnvilWindow window)
    {
        var rates = default(AnvilEventCounts);
        for (var i = 0; i < AnvilEventCounts.Length; i++)
            rates[i] = Rate(i, now, window);
        return new(Open, rates);
    }

    private void Mark(AnvilMarks mark, bool isSet) => _marks = isSet ? _marks | mark : _marks & ~mark;
}
