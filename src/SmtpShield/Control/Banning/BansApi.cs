using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using SmtpShield.Bans;
using SmtpShield.Clients;
using SmtpShield.Control.Admin;
using SmtpShield.Control.Changes;
using SmtpShield.Control.Clients;

namespace SmtpShield.Control.Banning;

/// <summary><c>/v1/bans</c>: who is banned; banning, and lifting bans.</summary>
internal sealed class BansApi(BanTable bans, BanOrders orders, ClientTop top, ControlAudit audit)
{
    /// <summary>Bans in an answer.</summary>
    public const int Most = 1000;

    private const string Prefix = "prefix";
    private const string After = "after";
    private const string State = "state";
    private const string Origin = "origin";
    private const string One = "/v1/bans/{**" + Prefix + "}";

    /// <summary>Adds its paths.</summary>
    public void Map(IEndpointRouteBuilder application)
    {
        application.MapGet("/v1/bans", ListAsync);
        application.MapPost("/v1/bans", AddAsync);
        application.MapGet(One, GetAsync);
        application.MapDelete(One, LiftAsync);
    }

    private Task ListAsync(HttpContext context)
    {
        var query = ControlRequests.QueryOf(context, After, State, Origin, Prefix);
        var state = query.TryGetValue(State, out var asked) ? SnakeCase.Parse<BanState>(asked, State) : BanState.Active;
        BanOrigin? origin = query.TryGetValue(Origin, out var by) ? SnakeCase.Parse<BanOrigin>(by, Origin) : null;
        ClientRange? within = query.TryGetValue(Prefix, out var text) ? AddressText.ParsePrefix(text) : null;
        ClientRange? after = query.TryGetValue(After, out var cursor) ? AddressText.ParsePrefix(cursor) : null;

        // Before the list: who has both may ask again for nothing, and misses nothing.
        var revision = bans.Revision;
        var shown = new List<BanReport>();
        ClientRange? last = null;
        var (total, isMore) = (0, false);
        foreach (var (prefix, report) in All(state))
        {
            if (within is { } range && !range.Contains(prefix) && !prefix.Contains(range) || origin is { } only && report().Origin != only.Word())
                continue;
            total++;
            if (after is { } from && BanOrder.Instance.Compare(prefix, from) <= 0)
                continue;
            isMore |= shown.Count == Most;
            if (isMore)
                continue;
            shown.Add(report());
            last = prefix;
        }

        return AnswerAsync(context, new(shown, total, isMore, revision, []) { After = isMore ? $"{last}" : null });
    }

    private IEnumerable<(ClientRange Prefix, Func<BanReport> Report)> All(BanState state)
    {
        var active = bans.All().Select(static ban => (ban.Prefix, (Func<BanReport>)(() => BanReport.Of(ban))));
        return state == BanState.Active ? active
            : active.Where(_ => state == BanState.All)
                .Concat(bans.Past().Where(past => bans.Of(past.Key) is null).Select(static past => (past.Key, (Func<BanReport>)(() =>
                    new BanReport($"{past.Key}", BanReport.Over, past.Value.Ended, past.Value.Level) { Origin = BanOrigin.Auto.Word() }))))
                .OrderBy(static one => one.Item1, BanOrder.Instance);
    }

    private Task GetAsync(HttpContext context)
    {
        ControlRequests.QueryOf(context);
        var range = PrefixOf(context);
        if (bans.Of(range) is not { } ban)
        {
            throw ControlException.NotFound($"{range} is not banned",
                bans.Covering(range) is { } covers ? $"{covers.Prefix} is, which covers it" : "smtpshield bans shows who is", Prefix);
        }

        return AnswerAsync(context, new([BanReport.Of(ban)], 1, false, bans.Revision, []));
    }

    private async Task AddAsync(HttpContext context)
    {
        const string Remedy = """send Content-Type: application/json and {"prefix": "192.0.2.0/24", "for_s": 3600, "why": "text"}""";
        BanReport? report = null;
        IReadOnlyList<string> notes = [];
        await audit.DoAsync(audit.Begin(context, "ban", "-"), async change =>
        {
            ControlRequests.QueryOf(context);
            var request = await ControlRequests.ReadChangeAsync(context, empty: null, RequestJson.Default.BanRequest, Remedy);
            var range = AddressText.ParsePrefix(request.Prefix ?? throw ControlException.BadRequest("prefix is needed", Remedy, Prefix));
            var from = request.From ?? context.Features.Get<AdminIdentity>()?.Source.ToString();
            var ban = orders.Add(range, request with { From = from }, change.By, ControlAudit.Shown(request.Why), out notes, out var before);
            report = BanReport.Of(ban);
            return change with
            {
                Target = report.Prefix,
                Before = before is null ? "not banned" : $"banned until {BanOrders.Utc(before.Until)}",
                After = $"banned until {BanOrders.Utc(ban.Until)}",
                Until = ban.Until,
                Why = ban.Why,
            };
        });
        await top.ForgetAsync();
        await AnswerAsync(context, new([report!], bans.Count, false, bans.Revision, notes));
    }

    private async Task LiftAsync(HttpContext context)
    {
        const string Remedy = """send Content-Type: application/json and nothing, or {"why": "text"} with at most 200 characters""";
        Ban? lifted = null;
        IReadOnlyList<string> notes = [];
        await audit.DoAsync(audit.Begin(context, "unban", AddressText.Shown(TextOf(context))), async change =>
        {
            ControlRequests.QueryOf(context);
            var request = await ControlRequests.ReadChangeAsync(context, new ChangeRequest(), RequestJson.Default.ChangeRequest, Remedy);
            var range = PrefixOf(context);
            lifted = orders.Lift(range, change.By, out notes);
            return change with
            {
                Target = $"{range}",
                Before = $"banned until {BanOrders.Utc(lifted.Until)}",
                After = bans.Covering(range) is { } still ? $"banned with {still.Prefix}" : "not banned",
                Why = ControlAudit.Shown(request.Why),
            };
        });
        await top.ForgetAsync();
        await AnswerAsync(context, new([BanReport.Of(lifted!)], bans.Count, false, bans.Revision, notes));
    }

    private static string TextOf(HttpContext context) => (string)context.Request.RouteValues[Prefix]! ?? "";

    // Kestrel leaves an escaped slash as it is.
    private static ClientRange PrefixOf(HttpContext context) =>
        AddressText.ParsePrefix(TextOf(context).Replace("%2F", "/", StringComparison.OrdinalIgnoreCase));

    private static Task AnswerAsync(HttpContext context, BanList list) => ControlRequests.AnswerAsync(context, list, ControlJson.Default.BanList);
}
