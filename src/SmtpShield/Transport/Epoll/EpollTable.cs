namespace SmtpShield.Transport.Epoll;

/// <summary>
/// Who is told of which socket, by a number the kernel keeps for us. A number has a generation and is never used again, so what is still told of a socket that
/// was closed meets nobody. As large as the most sockets there ever were at a time.
/// </summary>
internal sealed class EpollTable
{
    private const int None = -1;

    private readonly Lock _gate = new();
    private Entry[] _entries = new Entry[64];
    private int _used;
    private int _free = None;

    /// <summary>Sockets in it.</summary>
    public int Count { get; private set; }

    /// <summary>Adds one.</summary>
    /// <returns>Its number; never 0.</returns>
    public ulong Add(IEpollHandler handler)
    {
        lock (_gate)
        {
            var index = _free;
            if (index != None)
            {
                _free = _entries[index].NextFree;
            }
            else
            {
                if (_used == _entries.Length)
                    Array.Resize(ref _entries, _used * 2);
                index = _used++;
            }

            Count++;
            ref var entry = ref _entries[index];
            entry.Handler = handler;
            return NumberOf((uint)index, ++entry.Generation);
        }
    }

    /// <summary>Who is told; null: nobody any more.</summary>
    public IEpollHandler? Find(ulong number)
    {
        var index = (uint)number;
        lock (_gate)
            return Holds(index, number) ? _entries[index].Handler : null;
    }

    /// <summary>Takes one out; once.</summary>
    public void Remove(ulong number)
    {
        var index = (uint)number;
        lock (_gate)
        {
            if (!Holds(index, number) || _entries[index].Handler is null)
                return;

            ref var entry = ref _entries[index];
            entry.Handler = null;
            entry.NextFree = _free;
            _free = (int)index;
            Count--;
        }
    }

    /// <summary>All that are in it.</summary>
    public IReadOnlyList<IEpollHandler> ToList()
    {
        lock (_gate)
            return [.. _entries.Select(static entry => entry.Handler).OfType<IEpollHandler>()];
    }

    private static ulong NumberOf(uint index, uint generation) => ((ulong)generation << 32) | index;

    private bool Holds(uint index, ulong number) => index < _used && NumberOf(index, _entries[index].Generation) == number;

    private struct Entry
    {
        public IEpollHandler? Handler;
        public uint Generation;
        public int NextFree;
    }
}
