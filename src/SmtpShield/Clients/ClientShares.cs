using System.Globalization;

namespace SmtpShield.Clients;

/// <summary>
/// Who holds the places of a common, by client range, and who may have another one. A range may take another place only while it holds fewer than a tenth of
/// those that are free: each greedy one leaves nine tenths of what it found. One that holds none may always take the last one. It keeps the account; how many
/// places there are, and who gives one back, its owner knows.
/// </summary>
/// <remarks>Not thread-safe: the owner locks. Each step is O(1); memory is that of as many ranges as there were places taken at the same time.</remarks>
internal sealed class ClientShares
{
    private const int FreeForEachHeld = 10;

    private readonly Dictionary<ClientRange, int> _held = [];

    /// <summary>Places taken by all.</summary>
    public int Taken { get; private set; }

    /// <summary>Places a range holds.</summary>
    public int HeldBy(ClientRange client) => _held.GetValueOrDefault(client);

    /// <summary>Whether a range may take another place.</summary>
    /// <param name="client">The range.</param>
    /// <param name="free">Places that are free now; 0 or less: one has to be given up for it.</param>
    public bool MayTake(ClientRange client, int free) => HeldBy(client) < Math.Max(1, free / FreeForEachHeld);

    /// <summary>Books a place on a range.</summary>
    public void Take(ClientRange client)
    {
        _held[client] = HeldBy(client) + 1;
        Taken++;
    }

    /// <summary>Takes a place off a range that holds one.</summary>
    public void GiveBack(ClientRange client)
    {
        if (HeldBy(client) is > 1 and var held)
            _held[client] = held - 1;
        else
            _held.Remove(client);
        Taken--;
    }

    /// <summary>The ranges that hold most, for a log line: <c>192.0.2.7 (9), 2001:db8::/64 (8)</c>. Looks at all that hold any.</summary>
    /// <param name="count">How many are named, at most.</param>
    public string DescribeLargest(int count) =>
        string.Join(", ", _held.OrderByDescending(static held => held.Value).Take(count)
            .Select(static held => string.Create(CultureInfo.InvariantCulture, $"{held.Key} ({held.Value})")));
}
