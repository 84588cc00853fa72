using System.Globalization;
using System.Net;
using System.Text;
using SmtpShield.Clients;
using SmtpShield.Options;
using SmtpShield.State;

namespace SmtpShield.Shadow;

/// <summary>
/// The lines of the file <c>shadow</c>. The first says which version it is of, the last is <c>end</c>, so that one that was cut is known. Between them, for
/// each service, a line <c>service</c>, then its lines <c>rule</c> and <c>client</c>.
/// </summary>
internal sealed class ShadowLines
{
    private const string Version = "shadow 1";
    private const string End = "end";
    private const string Service = "service";
    private const string Rule = "rule";
    private const string Client = "client";
    private const string Delivers = "delivers";
    private const string Other = "other";

    private readonly Dictionary<string, ShadowKept> _services = new(StringComparer.Ordinal);
    private readonly HashSet<ClientRange> _clients = [];
    private ShadowKept? _last;
    private bool _hasBegun;

    /// <summary>What was read, by service.</summary>
    public IReadOnlyDictionary<string, ShadowKept> Services => _services;

    /// <summary>Whether nothing was read, or all of it.</summary>
    public bool IsWhole => !_hasBegun || HasEnded;

    private bool HasEnded { get; set; }

    /// <summary>Writes it.</summary>
    /// <param name="services">What there is, by service.</param>
    public static IEnumerable<string> Write(IEnumerable<(string Service, ShadowKept Kept)> services)
    {
        yield return Version;
        foreach (var (service, kept) in services)
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"{Service} {service} {kept.Since.ToUnixTimeSeconds()} {kept.Delay.Ticks} {kept.After} ")
                + string.Create(CultureInfo.InvariantCulture, $"{kept.InBans} {kept.Dropped} {kept.Hash.Text} {kept.Seen.Text} {kept.Delivering.Text}");
            foreach (var rule in kept.Rules)
            {
                yield return string.Create(CultureInfo.InvariantCulture,
                    $"{Rule} {ShadowRules.All[rule.Rule].Name} {rule.Hits} {rule.FirstHits} {rule.MessagesAfter} {rule.Clients.Text}");
            }

            foreach (var client in kept.Clients)
                yield return Write(client);
        }

        yield return End;
    }

    /// <summary>Reads the next line.</summary>
    /// <returns>False: it is none that may stand here.</returns>
    public bool TryRead(string line)
    {
        if (!_hasBegun)
            return _hasBegun = line == Version;
        if (HasEnded)
            return false;
        if (line == End)
            return HasEnded = true;
        return line.Split(' ', 2) is [var kind, var rest] && kind switch
        {
            Service => TryReadService(rest),
            Rule => _last is not null && TryReadRule(rest, _last),
            Client => _last is not null && TryReadClient(rest, _last),
            _ => false,
        };
    }

    private static string Write(ShadowKeptClient client)
    {
        var line = new StringBuilder();
        line.Append(CultureInfo.InvariantCulture, $"{Client} {client.Client.Address}/{client.Client.PrefixLength} {(client.Delivers ? Delivers : Other)} ");
        line.Append(Quoted.Text(client.Name));
        foreach (var hits in client.Hits)
        {
            line.Append(CultureInfo.InvariantCulture, $" {ShadowRules.All[hits.Rule].Name}:{hits.Most}:{hits.Hits}:{hits.Windows}:{hits.WindowStart}:");
            line.Append(CultureInfo.InvariantCulture, $"{hits.LastAt}:{hits.MessagesAfter}");
        }

        return line.ToString();
    }

    private bool TryReadService(string text)
    {
        if (text.Split(' ') is not [var name, var sinceText, var delayText, var afterText, var inBansText, var droppedText, var hash, var seen, var delivering]
            || !TryNumber(sinceText, out var since) || since > DateTimeOffset.MaxValue.ToUnixTimeSeconds() || !TryNumber(delayText, out var delay)
            || !TryNumber(afterText, out var after) || !TryNumber(inBansText, out var inBans) || !TryNumber(droppedText, out var dropped)
            || DistinctHash.Parse(hash) is not { } itsHash || DistinctSet.Parse(seen) is not { } itsSeen
            || DistinctSet.Parse(delivering) is not { } itsDelivering)
        {
            return false;
        }

        _clients.Clear();
        _last = new(DateTimeOffset.FromUnixTimeSeconds(since), new(delay), after, inBans, dropped, itsHash, itsSeen, itsDelivering);
        return _services.TryAdd(name, _last);
    }

    private static bool TryReadRule(string text, ShadowKept kept)
    {
        if (text.Split(' ') is not [var name, var hitsText, var firstText, var afterText, var clients] || !ShadowRules.Contains(name)
            || kept.Rules.Exists(rule => rule.Rule == ShadowRules.IndexOf(name)) || !TryNumber(hitsText, out var hits)
            || !TryNumber(firstText, out var first) || !TryNumber(afterText, out var after) || DistinctSet.Parse(clients) is not { } its)
        {
            return false;
        }

        kept.Rules.Add(new(ShadowRules.IndexOf(name), hits, first, after, its));
        return true;
    }

    private bool TryReadClient(string text, ShadowKept kept)
    {
        if (kept.Clients.Count == ShadowBook.Capacity || text.Split(' ', 3) is not [var prefix, Delivers or Other, var words]
            || !IPNetwork.TryParse(prefix, out var network) || network.BaseAddress.IsIPv4MappedToIPv6)
        {
            return false;
        }

        var left = words.AsSpan();
        if (!Quoted.TryTake(ref left, out var name) || left.IsEmpty)
            return false;
        var hits = new List<ShadowKeptHits>();
        foreach (var word in left.ToString().Split(' '))
        {
            if (!TryReadHits(word, out var one) || hits.Exists(other => other.Rule == one.Rule))
                return false;
            hits.Add(one);
        }

        var client = ClientRange.Of(network.BaseAddress, network.PrefixLength, network.PrefixLength);
        kept.Clients.Add(new(client, name, text.Split(' ', 3)[1] == Delivers, hits));
        return _clients.Add(client);
    }

    private static bool TryReadHits(string word, out ShadowKeptHits hits)
    {
        hits = default;
        if (word.Split(':') is not [var name, var mostText, var hitsText, var windowsText, var startText, var lastText, var afterText]
            || !ShadowRules.Contains(name) || !TryNumber(mostText, out var most) || most > int.MaxValue || !TryNumber(hitsText, out var count)
            || !TryNumber(windowsText, out var windows) || !TryNumber(startText, out var start) || !TryNumber(lastText, out var last)
            || !TryNumber(afterText, out var after))
        {
            return false;
        }

        hits = new(ShadowRules.IndexOf(name), (int)most, count, windows, start, last, after);
        return true;
    }

    private static bool TryNumber(string text, out long number) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
