namespace SmtpShield.Limits;

/// <summary>The <see cref="ClientInFlight"/> of each client, as long as one of its sessions uses it: as many at most as there are sessions.</summary>
internal sealed class ClientsInFlight
{
    private readonly Lock _gate = new();
    private readonly Dictionary<AnvilKey, ClientInFlight> _clients = [];

    /// <summary>Clients there are.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _clients.Count;
        }
    }

    /// <summary>A session begins to use its client's. Followed by one <see cref="Leave"/>.</summary>
    public ClientInFlight Enter(in AnvilKey key)
    {
        lock (_gate)
        {
            if (!_clients.TryGetValue(key, out var client))
                _clients.Add(key, client = new());
            client.Sessions++;
            return client;
        }
    }

    /// <summary>The session uses it no more.</summary>
    public void Leave(in AnvilKey key)
    {
        lock (_gate)
        {
            if (_clients.TryGetValue(key, out var client) && --client.Sessions == 0)
                _clients.Remove(key);
        }
    }
}
