using System.Text;

namespace SmtpShield.Limits;

/// <summary>A part of <see cref="ClientHistory"/>, with a lock of its own.</summary>
/// <param name="replies">Clients of which the MTA's last refusal is kept.</param>
internal sealed class ClientHistoryShard(int replies)
{
    private readonly Lock _gate = new();
    private readonly PastIndex _pasts = new();
    private readonly List<ClientPast> _all = [];
    private readonly Stack<ClientPast> _free = [];
    private readonly RefusingReply?[] _replies = new RefusingReply?[replies];
    private PastList _new;
    private PastList _steady;
    private long _dropped;
    private int _nextReply;

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

    /// <inheritdoc cref="ClientHistory.Note"/>
    public void Note(in AnvilKey key, in ClientEvent noted, int capacity)
    {
        lock (_gate)
        {
            var past = _pasts.Find(key);
            if (past is not null)
                Take(past);
            else
                past = Add(key, noted.Second, capacity);
            past.Add(noted);
            past.IsSteady |= noted.Second - past.First >= ClientHistory.Again;
            (past.IsSteady ? ref _steady : ref _new).Append(past);
            if (_steady.Count > capacity / 4 * 3)
                Demote(_steady.Oldest!);
        }
    }

    /// <inheritdoc cref="ClientHistory.NoteReply"/>
    public void NoteReply(in AnvilKey key, ReadOnlySpan<byte> text)
    {
        lock (_gate)
        {
            if (_pasts.Find(key) is { } past)
                ReplyOf(past).Set(text);
        }
    }

    /// <inheritdoc cref="ClientHistory.Of"/>
    public PastView? Of(in AnvilKey key)
    {
        lock (_gate)
            return _pasts.Find(key) is { } past ? View(past) : null;
    }

    /// <inheritdoc cref="ClientHistory.Newest"/>
    public List<(AnvilKey Key, PastView Past)> Newest(int most)
    {
        lock (_gate)
        {
            var newest = new List<(AnvilKey, PastView)>();
            foreach (var first in (ClientPast?[])[_steady.Newest, _new.Newest])
            {
                for (var past = first; past is not null && newest.Count < most; past = past.Older)
                    newest.Add((past.Key, View(past)));
            }

            return newest;
        }
    }

    /// <inheritdoc cref="ClientHistory.Restore"/>
    public void Restore(in AnvilKey key, PastView known, int capacity)
    {
        lock (_gate)
        {
            var past = _pasts.Find(key);
            var since = past is null ? null : View(past);
            if (past is not null)
                Take(past);
            else if (_pasts.Count < capacity)
                past = Add(key, known.First, capacity);
            else
                return;
            past.Restore(known, since);
            (past.IsSteady ? ref _steady : ref _new).Append(past);
            if (known.Reply is { } reply && since?.Reply is null)
                ReplyOf(past).Set(Encoding.ASCII.GetBytes(reply));
        }
    }

    private static PastView View(ClientPast past) =>
        new(past.First, past.Refused, past.Events(), past.Refusals(), past.Over(), past.Reply?.ToString());

    /// <inheritdoc cref="ClientHistory.RefusedTo"/>
    public int RefusedTo(in AnvilKey key)
    {
        lock (_gate)
            return _pasts.Find(key) is { } past ? past.Refused : 0;
    }

    /// <inheritdoc cref="ClientHistory.Scan"/>
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

    private ClientPast Add(in AnvilKey key, int second, int capacity)
    {
        // Two: also a shard that is above a capacity that was lowered gets there.
        for (var i = 0; i < 2 && _pasts.Count >= capacity; i++)
            Drop((_new.Oldest ?? _steady.Oldest)!);
        if (!_free.TryPop(out var past))
        {
            past = new();
            _all.Add(past);
        }

        past.Begin(key, second);
        _pasts.Add(past);
        return past;
    }

    private void Drop(ClientPast past)
    {
        Take(past);
        _pasts.Remove(past);
        past.Begin(default, 0);
        _free.Push(past);
        _dropped++;
    }

    // It stays until newer ones need its room.
    private void Demote(ClientPast past)
    {
        _steady.Remove(past);
        past.IsSteady = false;
        _new.Append(past);
    }

    // Who has none takes that of the client which got it the longest ago.
    private RefusingReply ReplyOf(ClientPast past)
    {
        if (past.Reply is { } its)
            return its;

        ref var next = ref _replies[_nextReply];
        _nextReply = (_nextReply + 1) % _replies.Length;
        next ??= new();
        next.GiveTo(past);
        return next;
    }
}
