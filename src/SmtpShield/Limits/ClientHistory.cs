namespace SmtpShield.Limits;

/// <summary>
/// What clients were refused lately, so that it can be explained. Written at refusals and at errors that counted, never for mail that is accepted; it decides
/// nothing.
/// </summary>
/// <remarks>
/// At most <see cref="Capacity"/> clients, of some 350 octets each, allocated as they come and used again when it is full. Then the client goes that was noted
/// least recently of those that never came again: who has an event <see cref="Again"/> seconds behind its first is steady, and the steady have three quarters,
/// so that a flood of addresses that come once can't push them out. A note takes a lock and a look-up.
/// </remarks>
internal sealed class ClientHistory
{
    /// <summary>Clients that are remembered.</summary>
    public const int Capacity = 16384;

    /// <summary>Seconds between the first event of a client and one that makes it steady.</summary>
    public const int Again = 60;

    private const int MostSteady = Capacity / 4 * 3;

    private readonly Lock _gate = new();
    private readonly Dictionary<AnvilKey, ClientPast> _pasts = [];
    private readonly List<ClientPast> _all = [];
    private PastList _new;
    private PastList _steady;
    private long _dropped;

    /// <summary>Clients that are remembered now.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _pasts.Count;
        }
    }

    /// <summary>Clients that were forgotten, because the room was needed.</summary>
    public long Dropped => Volatile.Read(ref _dropped);

    /// <summary>Notes an event.</summary>
    public void Note(in AnvilKey key, in ClientEvent noted)
    {
        lock (_gate)
        {
            if (_pasts.TryGetValue(key, out var past))
                Take(past);
            else
                past = Add(key, noted.Second);
            past.Add(noted);
            past.IsSteady |= noted.Second - past.First >= Again;
            (past.IsSteady ? ref _steady : ref _new).Append(past);
            if (_steady.Count > MostSteady)
                Demote(_steady.Oldest!);
        }
    }

    /// <summary>What is known of a client.</summary>
    /// <returns>Null: nothing.</returns>
    public PastView? Of(in AnvilKey key)
    {
        lock (_gate)
            return _pasts.TryGetValue(key, out var past) ? new(past.First, past.Refused, past.Events()) : null;
    }

    /// <summary>Refusals a client has had; 0: none that is known.</summary>
    public int RefusedTo(in AnvilKey key)
    {
        lock (_gate)
            return _pasts.TryGetValue(key, out var past) ? past.Refused : 0;
    }

    /// <summary>Shows who was refused anything, and how often, copying a few at a time.</summary>
    /// <param name="visit">Looks, with nothing locked.</param>
    public void Scan(Action<AnvilKey, int> visit)
    {
        const int AtOnce = 512;
        var some = new (AnvilKey Key, int Refused)[AtOnce];
        for (var from = 0; ; from += AtOnce)
        {
            int count;
            lock (_gate)
            {
                count = Math.Clamp(_all.Count - from, 0, AtOnce);
                for (var i = 0; i < count; i++)
                    some[i] = (_all[from + i].Key, _all[from + i].Refused);
            }

            for (var i = 0; i < count; i++)
            {
                if (some[i].Refused > 0)
                    visit(some[i].Key, some[i].Refused);
            }

            if (count < AtOnce)
                return;
        }
    }

    private void Take(ClientPast past) => (past.IsSteady ? ref _steady : ref _new).Remove(past);

    private ClientPast Add(in AnvilKey key, int second)
    {
        ClientPast past;
        if (_pasts.Count < Capacity)
        {
            past = new();
            _all.Add(past);
        }
        else
        {
            past = (_new.Oldest ?? _steady.Oldest)!;
            Take(past);
            _pasts.Remove(past.Key);
            _dropped++;
        }

        past.Begin(key, second);
        _pasts.Add(key, past);
        return past;
    }

    // It stays until newer ones need its room.
    private void Demote(ClientPast past)
    {
        _steady.Remove(past);
        past.IsSteady = false;
        _new.Append(past);
    }
}
