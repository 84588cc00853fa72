namespace SmtpShield.Limits;

/// <summary>
/// What the other process of a hand-over is to be told of clients: what was counted since the hand-over, as sums, and how many connections are open. So nothing
/// is wrong when it is said twice, or when several changes are said as one. There is one record for each client that has, or just had, a connection.
/// </summary>
internal sealed class CountsNews
{
    private readonly Lock _gate = new();
    private readonly Dictionary<AnvilKey, CountedSince> _clients = [];
    private readonly HashSet<AnvilKey> _changed = [];
    private Action? _isChanged;

    /// <summary>Remembers from now on; null: nothing, and what was remembered is forgotten.</summary>
    /// <param name="changed">Called when there is something to be told.</param>
    public void Follow(Action? changed)
    {
        lock (_gate)
        {
            _isChanged = changed;
            _clients.Clear();
            _changed.Clear();
        }
    }

    /// <summary>Something was counted of a client, or one of its connections has ended.</summary>
    /// <param name="key">The client.</param>
    /// <param name="counted">What was counted.</param>
    /// <param name="open">Connections it has now; null: no matter.</param>
    public void Note(in AnvilKey key, in AnvilEventCounts counted, int? open)
    {
        lock (_gate)
        {
            if (_isChanged is null)
                return;
            var since = _clients.GetValueOrDefault(key);
            _clients[key] = new(since.Counted.With(counted), open ?? since.Open);
            if (_changed.Add(key) && _changed.Count == 1)
                _isChanged();
        }
    }

    /// <summary>The sums of a client begin anew: the other one has just been given all there is of it, or nothing of it is its matter any more.</summary>
    public void Forget(in AnvilKey key)
    {
        lock (_gate)
        {
            _clients.Remove(key);
            _changed.Remove(key);
        }
    }

    /// <summary>What has changed since this was asked last. The sums of a client whose last connection has ended begin anew behind it.</summary>
    public IReadOnlyList<(AnvilKey Key, CountedSince Since)> TakeChanges()
    {
        lock (_gate)
        {
            var changes = _changed.Select(key => (key, _clients[key])).ToList();
            _changed.Clear();
            foreach (var (key, since) in changes)
            {
                if (since.Open == 0)
                    _clients.Remove(key);
            }

            return changes;
        }
    }
}
