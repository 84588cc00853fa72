using SmtpShield.Clients;

namespace SmtpShield.Bans;

/// <summary>
/// How often clients hit a rule that bans. A window of <c>shield_ban_window</c> begins with a client's first hit, as anvil's windows do.
/// </summary>
/// <remarks>At most <see cref="Capacity"/> clients, of some 70 octets; the one whose window began first is forgotten first.</remarks>
/// <param name="time">The clock.</param>
internal sealed class BanHits(TimeProvider time)
{
    /// <summary>Clients whose hits are counted.</summary>
    public const int Capacity = 65_536;

    private readonly Lock _gate = new();
    private readonly Dictionary<ClientRange, (int Count, long Start)> _hits = [];
    private readonly Queue<(ClientRange Client, long Start)> _order = new();

    /// <summary>Whether there are none, or those there are have not been looked for since they expired.</summary>
    public bool IsEmpty
    {
        get
        {
            lock (_gate)
                return _hits.Count == 0;
        }
    }

    /// <summary>Counts one.</summary>
    /// <returns>Those of the client in its window, this one included.</returns>
    public int Count(in ClientRange client, TimeSpan window)
    {
        lock (_gate)
        {
            RemoveExpired(window);
            if (_hits.TryGetValue(client, out var hits))
            {
                _hits[client] = (hits.Count + 1, hits.Start);
                return hits.Count + 1;
            }

            while (_hits.Count >= Capacity)
                Remove(_order.Dequeue());
            var now = time.GetTimestamp();
            _hits.Add(client, (1, now));
            _order.Enqueue((client, now));
            return 1;
        }
    }

    /// <summary>Those of a client in its window.</summary>
    public int Of(in ClientRange client, TimeSpan window)
    {
        lock (_gate)
        {
            RemoveExpired(window);
            return _hits.GetValueOrDefault(client).Count;
        }
    }

    /// <summary>A client begins anew.</summary>
    public void Forget(in ClientRange client)
    {
        lock (_gate)
            _hits.Remove(client);
    }

    /// <summary>All begin anew.</summary>
    public void Clear()
    {
        lock (_gate)
        {
            _hits.Clear();
            _order.Clear();
        }
    }

    // Those that were forgotten leave their place to be found here; a client that came again since has another start.
    private void RemoveExpired(TimeSpan window)
    {
        while (_order.TryPeek(out var oldest) && time.GetElapsedTime(oldest.Start) >= window)
            Remove(_order.Dequeue());
        if (_order.Count <= 2 * _hits.Count + 1000)
            return;
        for (var left = _order.Count; left > 0; left--)
        {
            var one = _order.Dequeue();
            if (IsCounted(one))
                _order.Enqueue(one);
        }
    }

    private void Remove((ClientRange Client, long Start) oldest)
    {
        if (IsCounted(oldest))
            _hits.Remove(oldest.Client);
    }

    private bool IsCounted((ClientRange Client, long Start) one) => _hits.TryGetValue(one.Client, out var hits) && hits.Start == one.Start;
}
