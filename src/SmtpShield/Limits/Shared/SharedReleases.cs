using System.Net;
using SmtpShield.Clients;
using SmtpShield.Options;

namespace SmtpShield.Limits.Shared;

/// <summary>A client that is released at one shield is at all of them: what each counts of it goes to 0.</summary>
/// <remarks>The key is <c>release SERVICE ADDRESS/LENGTH</c>. Who hears of it later than within a unit of rates has nothing left to set to 0.</remarks>
internal sealed class SharedReleases(AnvilTable table, ShieldSnapshot snapshot, TimeProvider time) : ISharedEntries
{
    private const char Released = 'r';
    private const string First = "release";

    private Action<string, Func<SharedEntry?>>? _tell;

    /// <inheritdoc/>
    public void Follow(Action<string, Func<SharedEntry?>>? tell)
    {
        table.Released -= Note;
        _tell = tell;
        if (tell is not null)
            table.Released += Note;
    }

    /// <inheritdoc/>
    /// <remarks>What a store that is empty has forgotten is done: all have heard of it, or it is over.</remarks>
    public IEnumerable<(string Key, Func<SharedEntry?> Entry)> All() => [];

    /// <inheritdoc/>
    public bool TryTake(in SharedEntry entry)
    {
        if (entry.Kind != Released || entry.Key.Split(' ') is not [First, var service, var prefix] || !snapshot.Served.Contains(service)
            || !IPNetwork.TryParse(prefix, out var network) || network.BaseAddress.IsIPv4MappedToIPv6)
        {
            return false;
        }

        table.ReleaseElsewhere(new(service, ClientRange.Of(network.BaseAddress, network.PrefixLength, network.PrefixLength)));
        return true;
    }

    private TimeSpan AgeOf(long at) => time.GetElapsedTime(at);

    private void Note(AnvilKey key)
    {
        if (!ExchangeFormat.IsName(key.Service))
            return;

        var at = time.GetTimestamp();
        var text = $"{First} {key.Service} {key.Client.Address}/{key.Client.PrefixLength}";
        _tell?.Invoke(text, () => new SharedEntry(text, Released, AgeOf(at), snapshot.Current.Anvil.RateTimeUnit - AgeOf(at), ""));
    }
}
