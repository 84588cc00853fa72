using System.Runtime.CompilerServices;
using SmtpShield.Clients;

namespace SmtpShield.Limits;

/// <summary>
/// What was refused to one client at one service, in 240 octets: its last events, how many there were, and its place in the <see cref="PastTable"/>. Not
/// thread-safe: <see cref="ClientHistory"/> locks.
/// </summary>
internal struct ClientPast
{
    /// <summary>Events that are kept.</summary>
    public const int Kept = 12;

    // Behind the limits on clients.
    private const int Rules = 12;
    private static readonly ClientEventKind[] s_others =
        [ClientEventKind.Handshakes, ClientEventKind.TooManyErrors, ClientEventKind.ForbiddenCommand, ClientEventKind.Pipelining];

    /// <summary>The next one with the same bucket; the next free one of one that is free.</summary>
    public int Next;

    /// <summary>The one noted before it.</summary>
    public int Older;

    /// <summary>The one noted behind it.</summary>
    public int Newer;

    /// <summary>It came again: it goes behind those that did not.</summary>
    public bool IsSteady;

    // Until it has had them all twice, then as if once.
    private byte _events;
    private readonly byte _prefixLength;
    private readonly bool _isIPv4;
    private readonly ulong _highBits;
    private readonly ulong _lowBits;
    private OverRuns _runs;
    private Hits _hits;
    private Ring _ring;

    /// <summary>Begins with a client.</summary>
    public ClientPast(in ClientRange client, byte service, int second)
    {
        (_highBits, _lowBits) = ((ulong)(client.Bits >> 64), (ulong)client.Bits);
        (_prefixLength, _isIPv4) = (client.PrefixLength, client.IsIPv4);
        (Service, First) = (service, second);
    }

    /// <summary>Whose it is.</summary>
    public readonly ClientRange Client => new(new UInt128(_highBits, _lowBits), _prefixLength, _isIPv4);

    /// <summary>The number of the service.</summary>
    public byte Service { get; }

    /// <summary>Which of the <see cref="RefusingReplies"/> is its; 0: none.</summary>
    public ushort Reply { get; set; }

    /// <summary>The second of its first event.</summary>
    public int First { get; private set; }

    /// <summary>Refusals by the shield, of a limit on the client or for errors of a session.</summary>
    public int Refused { get; private set; }

    /// <summary>Since when which limits refuse it something.</summary>
    public readonly OverRuns Runs => _runs;

    /// <summary>Whether it is that of this client at this service.</summary>
    public readonly bool Is(in PastKey key) => _lowBits == (ulong)key.Client.Bits && _highBits == (ulong)(key.Client.Bits >> 64)
        && _prefixLength == key.Client.PrefixLength && _isIPv4 == key.Client.IsIPv4 && Service == key.Service;

    /// <summary>Adds an event; the oldest goes.</summary>
    /// <param name="noted">The event.</param>
    /// <param name="overEnd">Of one of a limit's, <see cref="OverRun.End"/>.</param>
    public void Add(in ClientEvent noted, int overEnd)
    {
        _ring[_events % Kept] = new(noted);
        _events = (byte)(_events + 1 == 2 * Kept ? Kept : _events + 1);
        if (noted.Kind == ClientEventKind.Released)
            _runs.EndRates();
        if (IndexOf(noted) is not (>= 0 and var rule))
            return;
        if (Refused < int.MaxValue)
            Refused++;
        if (_hits[rule] < ushort.MaxValue)
            _hits[rule]++;
        if (noted.Kind == ClientEventKind.Limit)
            _runs.Note(new(noted.Detail, noted.Second, overEnd));
    }

    /// <summary>A connection of it has ended, and so many are open.</summary>
    public void NoteOpen(int open) => _runs.NoteOpen(open);

    /// <summary>Takes what an earlier process knew of the client, before what this one has noted.</summary>
    /// <param name="known">What that knew.</param>
    /// <param name="since">What this one has noted; null: nothing.</param>
    public void Restore(PastView known, PastView? since)
    {
        (First, Refused, _events, _hits) = (known.First, 0, 0, default);
        foreach (var noted in known.Events.Reverse())
            Add(noted, overEnd: 0);
        Refused = known.Refused;
        foreach (var (kind, rule, count) in known.Refusals)
        {
            if (IndexOf(new(0, kind, (byte)(rule is null ? 0 : ClientLimits.IndexOf(rule)), 0, 0, 0)) is >= 0 and var index)
                _hits[index] = (ushort)Math.Min(count, ushort.MaxValue);
        }

        foreach (var noted in since?.Events.Reverse() ?? [])
            Add(noted, overEnd: 0);
        _runs = known.Runs;
        if (since is not null)
            _runs.Continue(since.Runs, since.Events.Any(static noted => noted.Kind == ClientEventKind.Released));
        IsSteady |= _events > 0 && _ring[(_events - 1) % Kept].Unpacked.Second - First >= ClientHistory.Again;
    }

    /// <summary>How often each rule has refused it something, the most frequent first.</summary>
    public readonly ClientRefusals[] Refusals()
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
    public readonly ClientEvent[] Events()
    {
        var events = new ClientEvent[Math.Min((int)_events, Kept)];
        for (var i = 0; i < events.Length; i++)
            events[i] = _ring[(_events - 1 - i) % Kept].Unpacked;
        return events;
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
        private NotedEvent _first;
    }
}
