using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using SmtpShield.Bans;
using SmtpShield.Clients;
using SmtpShield.Control.Banning;
using SmtpShield.Control.Changes;
using SmtpShield.Control.Exempt;

namespace SmtpShield.Control.Clients;

/// <summary><c>/v1/clients</c>: who is limited, by which rule and until when; and letting one in.</summary>
internal sealed class ClientsApi(
    ClientTop top, ClientReports reports, ClientRelease release, ClientRules rules, ExemptionsApi exemptions, BanOrders orders, ControlAudit audit,
    PeerNames names)
{
    private const string Address = "address";
    private const string Sort = "sort";
    private const string Service = "service";
    private const string State = "state";
    private const string Prefix = "prefix";
    private const string Limit = "limit";

    /// <summary>Adds its paths.</summary>
    public void Map(IEndpointRouteBuilder application)
    {
        application.MapGet("/v1/clients", ListAsync);
        application.MapGet("/v1/clients/{address}", ExplainAsync);
        application.MapPost("/v1/clients/{address}/release", ReleaseAsync);
    }

    private async Task ListAsync(HttpContext context)
    {
        var query = ControlRequests.QueryOf(context, Sort, Service, State, Prefix, Limit);
        if (query.TryGetValue(Service, out var service))
            rules.Require(service);
        var answer = await top.FindAsync(
            new ClientQuery(
                query.TryGetValue(Sort, out var sort) ? SnakeCase.Parse<ClientSort>(sort, Sort) : ClientSort.Nearness,
                service,
                query.TryGetValue(State, out var state) ? SnakeCase.Parse<ClientState>(state, State) : null,
                query.TryGetValue(Prefix, out var prefix) ? AddressText.ParsePrefix(prefix) : null,
                query.TryGetValue(Limit, out var limit) ? ParseLimit(limit) : ClientQuery.Usual),
            context.RequestAborted);
        await ControlRequests.AnswerAsync(context, answer, ControlJson.Default.ClientList);
    }

    private async Task ExplainAsync(HttpContext context)
    {
        var query = ControlRequests.QueryOf(context, Service);
        if (query.TryGetValue(Service, out var service))
            rules.Require(service);
        var address = AddressText.ParseAddress((string)context.Request.RouteValues[Address]!);
        // As of a connection: bounded in number and time, and only where the shield does it at all.
        var isLookedUp = (service is null ? rules.Services : [service]).Any(name => rules.Of(name).Options.Smtpd.PeernameLookup);
        var name = isLookedUp ? (await names.LookUpAsync(address, context.RequestAborted)).Name : null;
        await ControlRequests.AnswerAsync(context, reports.Explain(address, service, name), ControlJson.Default.ClientExplanation);
    }

    private async Task ReleaseAsync(HttpContext context)
    {
        const string Remedy = """send Content-Type: application/json and nothing, or {"service": "smtp", "for_s": 3600, "why": "text"}""";
        var text = (string)context.Request.RouteValues[Address]!;
        ReleaseReport? report = null;
        await audit.DoAsync(audit.Begin(context, "release", AddressText.Shown(text)), async change =>
        {
            ControlRequests.QueryOf(context);
            var request = await ControlRequests.ReadChangeAsync(context, new ReleaseRequest(), RequestJson.Default.ReleaseRequest, Remedy);
            var address = AddressText.ParseAddress(text);
            if (request.Service is not null)
                rules.Require(request.Service);
            var exemption = request.ForS is { } seconds
                ? exemptions.Add(WholeOf(address, request.Service), seconds, change.By, ControlAudit.Shown(request.Why))
                : null;
            var lifted = release.LiftBans(address, change.By, out var still);
            var released = release.Release(address, request.Service);
            report = new(
                $"{address}", released, [.. exemption is null ? [] : exemptions.NotesOf(), .. lifted.Count == 0 ? [] : orders.WhyNotWritten()])
            {
                Exemption = exemption,
                Lifted = lifted.Count > 0 ? [.. lifted.Select(BanReport.Of)] : null,
                Ban = still is null || exemption is not null ? null : BanReport.Of(still),
            };
            return change with
            {
                Target = $"{address}",
                Service = request.Service,
                Before = string.Join("; ", released.Select(static one => $"{one.Service} {one.Client}: {one.Before.Describe()}")),
                After = "counts set to 0" + BansIn(lifted) + (exemption is null ? "" : $", exempt until {Utc(exemption.Until)}"),
                Until = exemption?.Until,
                Why = ControlAudit.Shown(request.Why),
            };
        });
        await top.ForgetAsync();
        await ControlRequests.AnswerAsync(context, report!, ControlJson.Default.ReleaseReport);
    }

    private static string BansIn(IReadOnlyList<Ban> lifted) =>
        lifted.Count > 0 ? $", bans of {string.Join(", ", lifted.Select(static ban => $"{ban.Prefix}"))} lifted" : "";

    // All that is counted as this one client, so that the rest of its network is not limited beside it.
    private ClientRange WholeOf(IPAddress address, string? service) => rules.Of(service ?? rules.Services[0]).RangeOf(address);

    private static string Utc(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static int ParseLimit(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var limit) && limit is >= 1 and <= ClientQuery.Most
            ? limit
            : throw ControlException.BadRequest("limit is out of range", $"give 1 to {ClientQuery.Most}", Limit);
}
