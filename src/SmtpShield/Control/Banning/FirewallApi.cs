using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using SmtpShield.Bans;
using SmtpShield.Clients;
using SmtpShield.Listening;
using SmtpShield.Options;
using SmtpShield.PostfixConf.Patterns;

namespace SmtpShield.Control.Banning;

/// <summary><c>/v1/firewall</c>: what a helper needs that drops the banned in the kernel. Who may be dropped is decided here.</summary>
/// <remarks>
/// Exempt by a name, or by a table, is who the kernel can't know: while a list has such elements, only single addresses are given that the shield has refused
/// once, and of which it knows that no service exempts them. Spared are all addresses any list has, even those that another element takes out again: the shield
/// itself refuses these.
/// </remarks>
internal sealed class FirewallApi(
    BanTable bans, NeverBanned never, Exemptions exemptions, ShieldSnapshot snapshot, ListenSockets sockets, TimeProvider time)
{
    /// <summary>Bans in an answer.</summary>
    public const int Most = 10_000;

    private const string Since = "since";
    private const string MinLevel = "min_level";
    private const string After = "after";

    /// <summary>Adds its path.</summary>
    public void Map(IEndpointRouteBuilder application) => application.MapGet("/v1/firewall", GetAsync);

    private Task GetAsync(HttpContext context)
    {
        var query = ControlRequests.QueryOf(context, Since, MinLevel, After);
        var since = NumberOf(query, Since, -1);
        var level = NumberOf(query, MinLevel, 2);
        ClientRange? after = query.TryGetValue(After, out var cursor) ? AddressText.ParsePrefix(cursor) : null;
        var revision = bans.Revision;
        var mayBeExemptOtherwise = Lists().Any(static list => list.HasOthers);
        var shown = new List<KernelBan>();
        string? more = null;
        var changed = after is null ? bans.ChangedSince(since) : null;
        if (changed is not null)
        {
            shown.AddRange(changed.Select(prefix => Of(prefix, bans.Of(prefix), level, mayBeExemptOtherwise)));
        }
        else
        {
            foreach (var ban in bans.All().Where(ban => after is not { } from || BanOrder.Instance.Compare(ban.Prefix, from) > 0))
            {
                if (shown.Count == Most)
                {
                    more = shown[^1].Prefix;
                    break;
                }

                if (Of(ban.Prefix, ban, level, mayBeExemptOtherwise) is { LeftS: > 0 } one)
                    shown.Add(one);
            }
        }

        return ControlRequests.AnswerAsync(
            context, new(changed is null, revision, shown, [.. Spared()], [.. Ports()]) { After = more }, ControlJson.Default.KernelBans);
    }

    private KernelBan Of(in ClientRange prefix, Ban? ban, long level, bool mayBeExemptOtherwise)
    {
        var isDropped = ban is not null && (ban.Origin == BanOrigin.Manual || ban.Level >= level)
            && (!mayBeExemptOtherwise || (prefix.IsAddress && ban.IsLookedAt));
        return new($"{prefix}", isDropped ? Math.Max(0, (long)(ban!.Until - time.GetUtcNow()).TotalSeconds) : 0);
    }

    private IEnumerable<ShieldOptions> Services => snapshot.Current.Services.Values.DefaultIfEmpty(snapshot.Current);

    private IEnumerable<AddressPatternList> Lists() => Services.SelectMany(static options =>
        (AddressPatternList[])[options.Limits.ClientEventLimitExceptions, options.Bans.Exceptions, options.Proxy.Sources]);

    private IEnumerable<string> Spared() => exemptions.All.Select(static exemption => $"{exemption.Prefix}")
        .Concat(Lists().SelectMany(static list => list.Ranges).Select(static range => range.Replace("[", "", StringComparison.Ordinal)
            .Replace("]", "", StringComparison.Ordinal)))
        .Concat(never.Within(ClientRange.Of(IPAddress.Any, 0, 0)).Select(static one => $"{one.Address}"))
        .Concat(never.Within(ClientRange.Of(IPAddress.IPv6Any, 0, 0)).Select(static one => $"{one.Address}"))
        .Append("127.0.0.0/8").Append("::1").Distinct().Order(StringComparer.Ordinal);

    // Behind a proxy the kernel sees the proxy.
    private IEnumerable<int> Ports() => snapshot.Current.Services.DefaultIfEmpty(new(ServiceOptions.DefaultName, snapshot.Current))
        .Where(static service => service.Value.Proxy.Protocol == UpstreamProxyProtocol.None)
        .SelectMany(service => sockets.EndPointsOf(service.Key)).OfType<IPEndPoint>().Select(static endpoint => endpoint.Port).Distinct().Order();

    private static long NumberOf(IReadOnlyDictionary<string, string> query, string name, long usual) =>
        !query.TryGetValue(name, out var text) ? usual
        : long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number
        : throw ControlException.BadRequest($"{name} is no number", "give a number", name);
}
