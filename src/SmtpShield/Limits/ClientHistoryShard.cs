using System.Text;

namespace SmtpShield.Limits;

/// <summary>A part of <see cref="ClientHistory"/>, with a lock of its own.</summary>
internal sealed class ClientHistoryShard
{
    private readonly Lock _gate = new();
    private readonly AnvilServices _services;
    private readonly PastTable _pasts;
    private readonly RefusingReplies _replies;
    private PastList _new;
    private PastList _steady;
    private long _dropped;

    /// <summary>Makes an empty one.</summary>
    /// <param name="hash">Where clients go.</param>
    /// <param name="services">The names of services.</param>
    /// <param name="replies">Clients of which the MTA's last refusal is kept.</param>
    public ClientHistoryShard(AnvilHash hash, AnvilServices services, int replies)
    {
        _services = services;
        _pasts = new(hash);
        _replies = new(_pasts, replies);
    }

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
    /// <param name="key">The client.</param>
    /// <param name="noted">The event.</param>
    /// <param name="overEnd">Of one of a limit's, <see cref="OverRun.End"/>.</param>
    /// <param name="capacity">Clients there may be.</param>
    public void Note(in PastKey key, in ClientEvent noted, int overEnd, int capacity)
    {
        lock (_gate)
        {
            var index = _pasts.Find(key);
            if (index != 0)
                Unlink(index);
            else
                index = Add(key, noted.Second, capacity);
            ref var past = ref _pasts.At(index);
            past.Add(noted, overEnd);
            past.IsSteady |= noted.Second - past.First >= ClientHistory.Again;
            (past.IsSteady ? ref _steady : ref _new).Append(_pasts, index);
            if (_steady.Count > capacity / 4 * 3)
                Demote(_steady.Oldest);
        }
    }

    /// <inheritdoc cref="ClientHistory.NoteReply"/>
    public void NoteReply(in PastKey key, ReadOnlySpan<byte> text)
    {
        lock (_gate)
        {
            if (_pasts.Find(key) is not 0 and var index)
                _replies.Set(index, text);
        }
    }

    /// <inheritdoc cref="ClientHistory.NoteOpen"/>
    public void NoteOpen(in PastKey key, int open)
    {
        lock (_gate)
        {
            if (_pasts.Find(key) is not 0 and var index)
                _pasts.At(index).NoteOpen(open);
        }
    }

    /// <inheritdoc cref="ClientHistory.Of"/>
    public PastView? Of(in PastKey key)
    {
        ClientPast past;
        string? reply;
        lock (_gate)
        {
            if (_pasts.Find(key) is not (not 0 and var index))
                return null;
            (past, reply) = (_pasts.At(index), _replies.Of(index));
        }

        return PastView.Of(past, reply);
    }

    /// <inheritdoc cref="ClientHistory.Newest"/>
    public List<(AnvilKey Key, PastView Past)> Newest(int most)
    {
        lock (_gate)
        {
            var newest = new List<(AnvilKey, PastView)>();
            foreach (var first in (int[])[_steady.Newest, _new.Newest])
            {
                for (var index = first; index != 0 && newest.Count < most; index = _pasts.At(index).Older)
                    newest.Add((new(_services.NameOf(_pasts.At(index).Service), _pasts.At(index).Client), View(index)));
            }

            return newest;
        }
    }

    /// <inheritdoc cref="ClientHistory.Restore"/>
    public void Restore(in PastKey key, PastView known, int capacity)
    {
        lock (_gate)
        {
            var index = _pasts.Find(key);
            var since = index == 0 ? null : View(index);
            if (index != 0)
                Unlink(index);
            else if (_pasts.Count < capacity)
                index = Add(key, known.First, capacity);
            else
                return;
            ref var past = ref _pasts.At(index);
            past.Restore(known, since);
            (past.IsSteady ? ref _steady : ref _new).Append(_pasts, index);
            if (known.Reply is { } reply && since?.Reply is null)
                _replies.Set(index, Encoding.ASCII.GetBytes(reply));
        }
    }

    /// <inheritdoc cref="ClientHistory.RefusedTo"/>
    public int RefusedTo(in PastKey key)
    {
        lock (_gate)
            return _pasts.Find(key) is not 0 and var index ? _pasts.At(index).Refused : 0;
    }

    /// <inheritdoc cref="ClientHistory.Scan"/>
    public void Scan(Action<AnvilKey, int> visit)
    {
        const int AtOnce = 512;
        var some = new (AnvilKey Key, int Refused)[AtOnce];
        for (var from = 1; ; from += AtOnce)
        {
            int count;
            lock (_gate)
            {
                count = Math.Clamp(_pasts.Used + 1 - from, 0, AtOnce);
                for (var i = 0; i < count; i++)
                {
                    ref var past = ref _pasts.At(from + i);
                    some[i] = past.Refused > 0 ? (new(_services.NameOf(past.Service), past.Client), past.Refused) : default;
                }
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

    private PastView View(int index) => PastView.Of(_pasts.At(index), _replies.Of(index));

    private void Unlink(int index) => (_pasts.At(index).IsSteady ? ref _steady : ref _new).Remove(_pasts, index);

    private int Add(in PastKey key, int second, int capacity)
    {
        // Two: also a shard that is above a capacity that was lowered gets there.
        for (var i = 0; i < 2 && _pasts.Count >= capacity; i++)
            Drop(_new.Oldest != 0 ? _new.Oldest : _steady.Oldest);
        return _pasts.Add(key, second);
    }

    private void Drop(int index)
    {
        Unlink(index);
        _replies.Leave(index);
        _pasts.Remove(index);
        _dropped++;
    }

    // It stays until newer ones need its room.
    private void Demote(int index)
    {
        _steady.Remove(_pasts, index);
        _pasts.At(index).IsSteady = false;
        _new.Append(_pasts, index);
    }
}
