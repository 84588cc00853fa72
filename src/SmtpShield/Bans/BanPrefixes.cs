using System.Collections.Immutable;
using SmtpShield.Clients;

namespace SmtpShield.Bans;

/// <summary>The lengths of prefixes that are in use, the longest first: an address is looked up once for each of them.</summary>
internal sealed class BanPrefixes
{
    private const int IPv4Lengths = 33;

    private readonly int[] _counts = new int[IPv4Lengths + 129];
    private ImmutableArray<int> _ipv4 = [];
    private ImmutableArray<int> _ipv6 = [];

    /// <summary>Those of a family. May be asked without a lock.</summary>
    public ImmutableArray<int> Of(bool isIPv4) => isIPv4 ? _ipv4 : _ipv6;

    /// <summary>A prefix more, or one less.</summary>
    public void Note(in ClientRange prefix, int change)
    {
        var first = prefix.IsIPv4 ? 0 : IPv4Lengths;
        ref var count = ref _counts[first + prefix.PrefixLength];
        var was = count > 0;
        count += change;
        if (was == count > 0)
            return;

        var lengths = prefix.IsIPv4 ? IPv4Lengths : _counts.Length - IPv4Lengths;
        ImmutableArray<int> inUse = [.. Enumerable.Range(0, lengths).Reverse().Where(length => _counts[first + length] > 0)];
        ImmutableInterlocked.InterlockedExchange(ref prefix.IsIPv4 ? ref _ipv4 : ref _ipv6, inUse);
    }
}
