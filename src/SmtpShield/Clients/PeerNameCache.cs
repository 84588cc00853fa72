using System.Net;

namespace SmtpShield.Clients;

/// <summary>
/// What look-ups found, for some minutes and for a bounded number of addresses; the oldest goes first. Not thread-safe: it belongs to <see cref="PeerNames"/>.
/// </summary>
internal sealed class PeerNameCache(TimeProvider time)
{
    /// <summary>Addresses it holds at most.</summary>
    /// <value>10,000 addresses.</value>
    public const int MaxCount = 10_000;

    /// <summary>How long a verified name holds. The resolver doesn't tell how long the answers it gives are good for.</summary>
    /// <value>5 minutes.</value>
    public static readonly TimeSpan NameLifetime = TimeSpan.FromMinutes(5);

    /// <summary>How long it holds that a client has no verified name.</summary>
    /// <value>1 minute.</value>
    public static readonly TimeSpan UnknownLifetime = TimeSpan.FromMinutes(1);

    private readonly Dictionary<IPAddress, (PeerName Name, long Since)> _entries = [];
    private readonly Queue<IPAddress> _oldest = new();

    /// <summary>Addresses it holds.</summary>
    public int Count => _entries.Count;

    /// <summary>What was found for the address, unless that is too long ago.</summary>
    public PeerName? Find(IPAddress address) => _entries.TryGetValue(address, out var entry) && !IsExpired(entry) ? entry.Name : null;

    /// <summary>Takes in what was found for the address, and lets go of what has expired or is too much.</summary>
    public void Add(IPAddress address, PeerName name)
    {
        // An address that is looked up again keeps its place in the queue: it may go early, never twice.
        if (!_entries.ContainsKey(address))
            _oldest.Enqueue(address);
        _entries[address] = (name, time.GetTimestamp());
        while (_entries.Count > MaxCount || IsExpired(_entries[_oldest.Peek()]))
            _entries.Remove(_oldest.Dequeue());
    }

    private bool IsExpired((PeerName Name, long Since) entry) =>
        time.GetElapsedTime(entry.Since) >= (entry.Name.Name == ClientIdentity.UnknownName ? UnknownLifetime : NameLifetime);
}
