using System.Net;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Options;

namespace SmtpShield.Control.Clients;

/// <summary>The limits a service has now, and what counts come to by them. It judges as the shield would, and counts nothing.</summary>
/// <param name="service">The service's name.</param>
/// <param name="options">Its options, under stress or not.</param>
internal sealed class ServiceRules(string service, ShieldOptions options)
{
    // Four fifths of a limit are near.
    private const int NearNumerator = 4;
    private const int NearDenominator = 5;

    private readonly (ClientLimit Limit, int Value, int Index)[] _rules =
        [.. ClientLimits.All.Where(limit => limit.IsOn(options.Limits)).Select(limit => (limit, limit.Value(options.Limits), IndexOf(limit)))];

    /// <summary>The service.</summary>
    public string Service => service;

    /// <summary>Its options.</summary>
    public ShieldOptions Options => options;

    /// <summary>The limits that are on, in the order they are judged in.</summary>
    public IEnumerable<(ClientLimit Limit, int Value)> Rules => _rules.Select(static rule => (rule.Limit, rule.Value));

    /// <summary>Which range counts an address.</summary>
    public ClientRange RangeOf(IPAddress address) => ClientRange.Of(address, options.Anvil.ClientIPv4PrefixLength, options.Anvil.ClientIPv6PrefixLength);

    /// <summary>The largest count of a record divided by its limit. Roll it first.</summary>
    public double NearnessOf(in AnvilEntry entry, int now, AnvilWindow window)
    {
        var nearest = 0.0;
        foreach (ref readonly var rule in _rules.AsSpan())
        {
            // Most counts are 0, and a division takes longer than all else.
            if (CountIn(entry, rule.Index, now, window) is > 0 and var count)
                nearest = Math.Max(nearest, (double)count / rule.Value);
        }

        return nearest;
    }

    /// <summary>How near to a limit a record is, whoever its client is. Roll it first.</summary>
    public ClientState StateOf(in AnvilEntry entry, int now, AnvilWindow window)
    {
        var state = ClientState.Free;
        foreach (var (limit, value, index) in _rules)
        {
            var count = CountIn(entry, index, now, window);
            if (limit.RefusesNext(count, value))
                return ClientState.Limited;
            if (IsNear(count, value))
                state = ClientState.Near;
        }

        return state;
    }

    /// <summary>Which of the limits refuse what a client does next, as a bit for each of <see cref="Rules"/> in its order. Roll the record first.</summary>
    public uint RefusingOf(in AnvilEntry entry, int now, AnvilWindow window)
    {
        var refusing = 0u;
        for (var i = 0; i < _rules.Length; i++)
        {
            var (limit, value, index) = _rules[i];
            if (limit.RefusesNext(CountIn(entry, index, now, window), value))
                refusing |= 1u << i;
        }

        return refusing;
    }

    /// <summary>The same of counts.</summary>
    public ClientState StateOf(in AnvilCounts counts)
    {
        var state = ClientState.Free;
        foreach (var (limit, value, _) in _rules)
        {
            var count = limit.CountIn(counts);
            if (limit.RefusesNext(count, value))
                return ClientState.Limited;
            if (IsNear(count, value))
                state = ClientState.Near;
        }

        return state;
    }

    /// <summary>The rule that speaks for a client: the first that refuses what it does next, else the nearest; null: none has anything to count.</summary>
    public (ClientLimit Limit, int Value)? LeadingOf(AnvilCounts counts)
    {
        (ClientLimit, int)? nearest = null;
        var most = 0.0;
        foreach (var (limit, value, _) in _rules)
        {
            var count = limit.CountIn(counts);
            if (limit.RefusesNext(count, value))
                return (limit, value);
            if ((double)count / value > most)
                (nearest, most) = ((limit, value), (double)count / value);
        }

        return nearest;
    }

    /// <summary>Which count of a record a limit is on; -1: the connections that are open.</summary>
    public static int IndexOf(ClientLimit limit) => limit.Event is { } kind ? AnvilEventCounts.IndexOf(kind)
        : limit.IsOnOpenConnections ? -1 : AnvilEventCounts.Connections;

    /// <summary>The count of a record. Roll it first.</summary>
    public static int CountIn(in AnvilEntry entry, int index, int now, AnvilWindow window) => index < 0 ? entry.Open : entry.Rate(index, now, window);

    private static bool IsNear(int count, int value) => (long)count * NearDenominator >= (long)value * NearNumerator;
}
