using System.Net;
using SmtpShield.Clients;

namespace SmtpShield.Limits.Shared;

/// <summary>A client whose mail was accepted at one shield is one that delivers mail at all of them.</summary>
/// <remarks>
/// The key is <c>mail ADDRESS/LENGTH</c>; the age of the entry is that of its mail. It is told at most once in six hours a client, whichever shield has the
/// mail, and kept for two days: nothing asks for older mail. A store that is empty is told of those with the latest mail, <see cref="Most"/> at most.
/// </remarks>
internal sealed class SharedDelivering : ISharedEntries
{
    /// <summary>Clients an empty store is told of by a shield.</summary>
    public const int Most = 50_000;

    /// <summary>For how long mail is told of.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromDays(2);

    private const char Delivers = 'g';
    private const string First = "mail";

    private readonly AnvilTable _table;
    private readonly TimeProvider _time;
    private volatile Action<string, Func<SharedEntry?>>? _tell;

    /// <summary>Follows the table.</summary>
    public SharedDelivering(AnvilTable table, TimeProvider time)
    {
        (_table, _time) = (table, time);
        table.Deliveries.DeliversAgain += Note;
    }

    /// <inheritdoc/>
    public void Follow(Action<string, Func<SharedEntry?>>? tell) => _tell = tell;

    /// <inheritdoc/>
    public IEnumerable<(string Key, Func<SharedEntry?> Entry)> All()
    {
        var oldest = _time.GetUtcNow() - Kept;
        return _table.Delivering.All().Where(one => one.Value.LastAt > oldest).OrderByDescending(static one => one.Value.LastAt).Take(Most)
            .Select(one => (KeyOf(one.Key), EntryOf(one.Key)));
    }

    /// <inheritdoc/>
    public bool TryTake(in SharedEntry entry)
    {
        if (entry.Kind != Delivers || entry.Key.Split(' ') is not [First, var prefix] || !IPNetwork.TryParse(prefix, out var network)
            || network.BaseAddress.IsIPv4MappedToIPv6)
        {
            return false;
        }

        if (entry.Age < Kept)
        {
            _table.Deliveries.NoteElsewhere(
                ClientRange.Of(network.BaseAddress, network.PrefixLength, network.PrefixLength),
                _time.GetUtcNow() - (entry.Age > TimeSpan.Zero ? entry.Age : TimeSpan.Zero));
        }

        return true;
    }

    private static string KeyOf(in ClientRange range) => $"{First} {range.Address}/{range.PrefixLength}";

    private void Note(ClientRange range) => _tell?.Invoke(KeyOf(range), EntryOf(range));

    private Func<SharedEntry?> EntryOf(ClientRange range) => () =>
    {
        if (_table.Delivering.Find(range) is not { } mail)
            return null;

        var age = _time.GetUtcNow() - mail.LastAt;
        return new SharedEntry(KeyOf(range), Delivers, age, Kept - age, "");
    };
}
