using System.Net;
using System.Net.Sockets;

namespace SmtpShield.Clients;

/// <summary>Exemptions as they are looked up: immutable, replaced whole.</summary>
internal sealed class ExemptionSet
{
    private readonly Dictionary<ClientRange, Exemption> _byPrefix;
    private readonly int[] _ipv4Lengths;
    private readonly int[] _ipv6Lengths;

    /// <summary>Makes one, a prefix once.</summary>
    public ExemptionSet(IEnumerable<Exemption> exemptions)
    {
        All = [.. exemptions.OrderBy(static exemption => !exemption.Prefix.IsIPv4).ThenBy(static exemption => exemption.Prefix.Bits)
            .ThenBy(static exemption => exemption.Prefix.PrefixLength)];
        _byPrefix = All.ToDictionary(static exemption => exemption.Prefix);
        _ipv4Lengths = LengthsOf(isIPv4: true);
        _ipv6Lengths = LengthsOf(isIPv4: false);
    }

    /// <summary>Nobody.</summary>
    public static ExemptionSet Empty { get; } = new([]);

    /// <summary>All of them, by prefix.</summary>
    public IReadOnlyList<Exemption> All { get; }

    /// <summary>Whether there is none.</summary>
    public bool IsEmpty => All.Count == 0;

    /// <summary>The one that covers an address and is in force, of several the longest prefix; null: none.</summary>
    /// <param name="address">The address.</param>
    /// <param name="now">The time.</param>
    /// <param name="longest">The longest prefix that counts: that of a range all of which must be covered.</param>
    public Exemption? Find(IPAddress address, DateTimeOffset now, int longest = int.MaxValue)
    {
        var isIPv4 = address.AddressFamily == AddressFamily.InterNetwork || address.IsIPv4MappedToIPv6;
        foreach (var length in isIPv4 ? _ipv4Lengths : _ipv6Lengths)
        {
            if (length <= longest && _byPrefix.TryGetValue(ClientRange.Of(address, length, length), out var exemption) && exemption.IsInForce(now))
                return exemption;
        }

        return null;
    }

    // The longest first.
    private int[] LengthsOf(bool isIPv4) =>
        [.. All.Where(exemption => exemption.Prefix.IsIPv4 == isIPv4).Select(static exemption => (int)exemption.Prefix.PrefixLength)
            .Distinct().OrderDescending()];
}
