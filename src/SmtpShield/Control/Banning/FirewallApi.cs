using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using SmtpShield.Bans;
using SmtpShield.Clients;
using SmtpShield.Control.Admin;
using SmtpShield.Listening;
using SmtpShield.Options;

namespace SmtpShield.Control.Banning;

/// <summary><c>/v1/firewall</c>: what a helper needs that drops the banned in the kernel, and what it says of itself.</summary>
/// <remarks>
/// Who may be dropped is decided here, by <see cref="KernelDrops"/>. Spared are all addresses any list has, even those that another element takes out again:
/// the shield itself refuses these.
/// </remarks>
internal sealed class FirewallApi(
    BanTable bans, KernelDrops drops, FirewallHelper helper, NeverBanned never, Exemptions exemptions, ShieldSnapshot snapshot, ListenSockets sockets,
    TimeProvider time)
{
    /// <summary>Bans in an answer.</summary>
    public const int Most = 10_000;

    private const string Since = "since";
    private const string MinLevel = "min_level";
    private const string After = "after";

    /// <summary>Adds its path.</summary>
    public void Map(IEndpointRouteBuilder application)
    {
        application.MapGet("/v1/firewall", GetAsync);
        application.MapPost("/v1/firewall", NoteAsync);
    }

    private Task GetAsync(HttpContext context)
    {
        var query = ControlRequests.QueryOf(context, Since, MinLevel, After);
        var since = NumberOf(query, Since, -1);
        var level = NumberOf(query, MinLevel, 2);
        ClientRange? after = query.TryGetValue(After, out var cursor) ? AddressText.ParsePrefix(cursor) : null;
        var revision = bans.Revision;
        var isForKernel = drops.From(level);
        var shown = new List<KernelBan>();
        string? more = null;
        var changed = after is null ? bans.ChangedSince(since) : null;
        if (changed is not null)
        {
            shown.AddRange(changed.Select(prefix => Of(prefix, bans.Of(prefix), isForKernel)));
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

                if (Of(ban.Prefix, ban, isForKernel) is { LeftS: > 0 } one)
                    shown.Add(one);
            }
        }

        return ControlRequests.AnswerAsync(
            context, new(changed is null, revision, shown, [.. Spared()], [.. Ports()]) { After = more }, ControlJson.Default.KernelBans);
    }

    // A word of the helper's about itself, not a change of an operator's: no line of the log, and nobody else's to say.
    private async Task NoteAsync(HttpContext context)
    {
        const string Remedy = "it is what smtpshield firewall says of itself, each five seconds";
        if (context.Features.Get<AdminIdentity>() is not null)
        {
            throw new ControlException(
                StatusCodes.Status403Forbidden, new ControlProblem("this is for the firewall helper, on shield_control_socket", Remedy));
        }

        ControlRequests.QueryOf(context);
        helper.Note(await ControlRequests.ReadChangeAsync(context, empty: null, RequestJson.Default.FirewallReport, Remedy));
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private KernelBan Of(in ClientRange prefix, Ban? ban, Func<Ban, bool> isForKernel) =>
        ban is null || !isForKernel(ban) ? new($"{prefix}", 0)
            : new($"{prefix}", Math.Max(0, (long)(ban.Until - time.GetUtcNow()).TotalSeconds)) { Auto = ban.Origin == BanOrigin.Auto ? true : null };

    private IEnumerable<string> Spared() => exemptions.All.Select(static exemption => $"{exemption.Prefix}")
        .Concat(drops.Lists().SelectMany(static list => list.Ranges).Select(static range => range.Replace("[", "", StringComparison.Ordinal)
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
