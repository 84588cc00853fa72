using System.Runtime.CompilerServices;

namespace SmtpShield.Limits;

/// <summary>
/// What was refused to one client at one service: its last events, and how many there were. Not thread-safe: <see cref="ClientHistory"/> locks.
/// </summary>
internal sealed class ClientPast
{
    /// <summary>Events that are kept.</summary>
    public const int Kept = 12;

    private Ring _ring;
    private int _count;

    /// <summary>Whose it is.</summary>
    public AnvilKey Key { get; private set; }

    /// <summary>The second of its first event.</summary>
    public int First { get; private set; }

    /// <summary>Refusals by the shield, of a limit on the client or for errors of a session.</summary>
    public int Refused { get; private set; }

    /// <summary>It came again: it goes behind those that did not.</summary>
    public bool IsSteady { get; set; }

    /// <summary>The one noted before it.</summary>
    public ClientPast? Older { get; set; }

    /// <summary>The one noted behind it.</summary>
    public ClientPast? Newer { get; set; }

    /// <summary>Begins anew with a client.</summary>
    public void Begin(in AnvilKey key, int second)
    {
        (Key, First, Refused, IsSteady, _count) = (key, second, 0, false, 0);
        (Older, Newer) = (null, null);
    }

    /// <summary>Adds an event; the oldest goes.</summary>
    public void Add(in ClientEvent noted)
    {
        _ring[_count++ % Kept] = noted;
        if (_count == int.MaxValue - int.MaxValue % Kept)
            _count = Kept;
        if (noted.Kind is ClientEventKind.Limit or ClientEventKind.Handshakes or ClientEventKind.TooManyErrors && Refused < int.MaxValue)
            Refused++;
    }

    /// <summary>The events, the newest first.</summary>
    public ClientEvent[] Events()
    {
        var events = new ClientEvent[Math.Min(_count, Kept)];
        for (var i = 0; i < events.Length; i++)
            events[i] = _ring[(_count - 1 - i) % Kept];
        return events;
    }

    [InlineArray(Kept)]
    private struct Ring
    {
        private ClientEvent _first;
    }
}
