using System.Runtime.CompilerServices;

namespace SmtpShield.Limits;

/// <summary>
/// What was refused to one client at one service: its last events, and how many there were. Not thread-safe: <see cref="ClientHistory"/> locks.
/// </summary>
internal sealed class ClientPast
{
    /// <summary>Events that are kept.</summary>
    public const int Kept = 12;

    // Behind the limits on clients.
    private const int Rules = 12;
    private const byte NoRule = byte.MaxValue;
    private static readonly ClientEventKind[] s_others =
        [ClientEventKind.Handshakes, ClientEventKind.TooManyErrors, ClientEventKind.ForbiddenCommand, ClientEventKind.Pipelining];

    private ClientPast? _next;
    private Ring _ring;
    private Hits _hits;
    private int _count;
    private int _overSince;
    private int _overCount;
    private byte _overRule = NoRule;

    /// <summary>Whose it is.</summary>
    public AnvilKey Key { get; private set; }

    /// <summary>The second of its first event.</summary>
    public int First { get; private set; }

    /// <summary>Refusals by the shield, of a limit on the client or for errors of a session.</summary>
    public int Refused { get; private set; }

    /// <summary>The reply by which the MTA has last refused it something, while that is kept.</summary>
    public RefusingReply? Reply { get; set; }

    /// <summary>It came again: it goes behind those that did not.</summary>
    public bool IsSteady { get; set; }

    /// <summary>The one noted before it.</summary>
    public ClientPast? Older { get; set; }

    /// <summary>The one noted behind it.</summary>
    public ClientPast? Newer { get; set; }

    /// <summary>The next one in its chain of a <see cref="PastIndex"/>, which alone sets it.</summary>
    public ref ClientPast? Next => ref _next;

    /// <summary>Begins anew with a client.</summary>
    public void Begin(in AnvilKey key, int second)
    {
        (Key, First, Refused, IsSteady, _count) = (key, second, 0, false, 0);
        (Older, Newer, _overRule) = (null, null, NoRule);
        _hits = default;
        Reply?.Leave();
        Reply = null;
    }

    /// <summary>Adds an event; the oldest goes.</summary>
    public void Add(in ClientEvent noted)
    {
        _ring[_count++ % Kept] = noted;
        if (_count == int.MaxValue - int.MaxValue % Kept)
            _count = Kept;
        if (IndexOf(noted) is not (>= 0 and var rule))
            return;
        if (Refused < int.MaxValue)
            Refused++;
        if (_hits[rule] < ushort.MaxValue)
            _hits[rule]++;
        if (noted.Kind == ClientEventKind.Limit)
            NoteOver(noted);
    }

    /// <summary>Takes what an earlier process knew of the client, before what this one has noted.</summary>
    /// <param name="known">What that knew.</param>
    /// <param name="since">What this one has noted; null: nothing.</param>
    public void Restore(PastView known, PastView? since)
    {
        (First, Refused, _count, _overRule) = (known.First, 0, 0, NoRule);
        _hits = default;
        foreach (var noted in known.Events.Reverse())
            Add(noted);
        Refused = known.Refused;
        foreach (var (kind, rule, count) in known.Refusals)
        {
            if (IndexOf(new(0, kind, (byte)(rule is null ? 0 : ClientLimits.IndexOf(rule)), 0, 0, 0)) is >= 0 and var index)
                _hits[index] = (ushort)Math.Min(count, ushort.MaxValue);
        }

        if (known.Over is { } over)
            (_overRule, _overSince) = ((byte)ClientLimits.IndexOf(over.Limit), over.Since);
        foreach (var noted in since?.Events.Reverse() ?? [])
            Add(noted);
        IsSteady |= _count > 0 && _ring[(_count - 1) % Kept].Second - First >= ClientHistory.Again;
    }

    /// <summary>Since when the limit that has refused it something last has done so without another one, or a new window, between; null: none has.</summary>
    public LimitOver? Over() => _overRule == NoRule ? null : new(ClientLimits.All[_overRule], _overSince);

    /// <summary>How often each rule has refused it something, the most frequent first.</summary>
    public ClientRefusals[] Refusals()
    {
        var all = new List<ClientRefusals>();
        for (var i = 0; i < Rules; i++)
        {
            if (_hits[i] > 0)
                all.Add(i < ClientLimits.All.Count ? new(ClientEventKind.Limit, ClientLimits.All[i], _hits[i])
                    : new(s_others[i - ClientLimits.All.Count], null, _hits[i]));
        }

        return [.. all.OrderByDescending(static one => one.Count)];
    }

    /// <summary>The events, the newest first.</summary>
    public ClientEvent[] Events()
    {
        var events = new ClientEvent[Math.Min(_count, Kept)];
        for (var i = 0; i < events.Length; i++)
            events[i] = _ring[(_count - 1 - i) % Kept];
        return events;
    }

    // In a window a count only grows: a smaller one is of another window.
    private void NoteOver(in ClientEvent noted)
    {
        if (noted.Detail != _overRule || noted.Count < _overCount)
            (_overRule, _overSince) = (noted.Detail, noted.Second);
        _overCount = noted.Count;
    }

    // -1: the shield has refused nothing.
    private static int IndexOf(in ClientEvent noted) => noted.Kind switch
    {
        ClientEventKind.Limit => noted.Detail,
        var other when Array.IndexOf(s_others, other) is >= 0 and var index => ClientLimits.All.Count + index,
        _ => -1,
    };

    [InlineArray(Rules)]
    private struct Hits
    {
        private ushort _first;
    }

    [InlineArray(Kept)]
    private struct Ring
    {
        private ClientEvent _first;
    }
}
