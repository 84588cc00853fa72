using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using SmtpShield.Control.Changes;
using SmtpShield.Observe;

namespace SmtpShield.Control.Upstreams;

/// <summary><c>/v1/upstreams</c>: the MTAs, and what an operator does with them.</summary>
internal sealed partial class UpstreamApi(IUpstreamControl upstreams, ControlAudit audit, ILogger<UpstreamApi> log)
{
    // With 400 octets each below a megabyte.
    private const int Most = 1000;

    private const string Name = "name";
    private const string Service = "service";

    /// <summary>Every destination, as far as there is room, and what is to be looked at.</summary>
    public UpstreamList List()
    {
        var reports = upstreams.Reports.Take(Most + 1).ToList();
        return ListOf(reports.Take(Most), reports, isTruncated: reports.Count > Most);
    }

    /// <summary>Adds its paths.</summary>
    public void Map(IEndpointRouteBuilder application)
    {
        application.MapGet("/v1/upstreams", GetAsync);
        application.MapPost("/v1/upstreams/{name}/drain", context => ActAsync(context, UpstreamAction.Drain));
        application.MapPost("/v1/upstreams/{name}/ready", context => ActAsync(context, UpstreamAction.Ready));
        application.MapPost("/v1/upstreams/{name}/probe", context => ActAsync(context, UpstreamAction.Probe));
    }

    private Task GetAsync(HttpContext context)
    {
        var query = ControlRequests.QueryOf(context, Service, Name);
        var all = upstreams.Reports.ToList();
        var some = all.AsEnumerable();
        if (query.TryGetValue(Service, out var service) && all.TrueForAll(report => report.Service != service))
            throw ControlException.NotFound($"no such service: {Shown(service)}", $"there are {Listed(all.Select(static report => report.Service))}", Service);
        if (query.TryGetValue(Name, out var name))
            RequireName(all, name);
        if (service is not null)
            some = some.Where(report => report.Service == service);
        if (name is not null)
            some = some.Where(report => IsNamed(report, name));
        var shown = some.Take(Most + 1).ToList();
        return AnswerAsync(context, ListOf(shown.Take(Most), all, isTruncated: shown.Count > Most));
    }

    private async Task ActAsync(HttpContext context, UpstreamAction action)
    {
        var who = Operator.Of(context);
        var name = (string)context.Request.RouteValues[Name]!;
        var word = action.ToString().ToLowerInvariant();
        var change = audit.Begin(context, word, Shown(name));
        try
        {
            var request = await ControlRequests.ReadChangeAsync(context);
            change = change with { Why = ControlAudit.Shown(request.Why) };
            var all = upstreams.Reports.ToList();
            RequireName(all, name);
            var by = request.Why is { Length: > 0 } why ? $"{who} {ClientText.Quote(Encoding.UTF8.GetBytes(why))}" : $"{who}";
            change = change with { Before = StateOf(all, name) };
            if (!upstreams.TryDo(action, name, by))
                RequireName([], name);
            // A change of its state the pool says itself.
            if (action == UpstreamAction.Probe)
                Log.UpstreamProbed(log, all.First(report => IsNamed(report, name)).Name, by);
        }
        catch (ControlException exception)
        {
            Log.UpstreamNotTold(log, Shown(name), word, who, exception.Problem.Message);
            audit.Keep(change with { Refused = exception.Problem.Message });
            throw;
        }

        var after = upstreams.Reports.ToList();
        audit.Keep(change with { After = StateOf(after, name) });
        await AnswerAsync(context, ListOf(after.Where(report => IsNamed(report, name)).Take(Most), after, isTruncated: false));
    }

    private static UpstreamList ListOf(IEnumerable<UpstreamReport> shown, IReadOnlyList<UpstreamReport> all, bool isTruncated) =>
        new([.. shown], isTruncated, [.. all.GroupBy(static report => report.Service)
            .Where(static service => service.All(static report => report.State is not (UpstreamState.Up or UpstreamState.Busy)))
            .Select(static service => $"service {service.Key}: no MTA is up, clients get 421").Take(Most)]);

    private static void RequireName(List<UpstreamReport> all, string name)
    {
        if (all.TrueForAll(report => !IsNamed(report, name)))
            throw ControlException.NotFound($"no such upstream: {Shown(name)}", $"there are {Listed(all.Select(static report => report.Name))}", Name);
    }

    private static string Listed(IEnumerable<string> names)
    {
        const int Few = 10;
        var all = names.Distinct().ToList();
        return string.Join(", ", all.Take(Few)) + (all.Count > Few ? ", ..." : "");
    }

    private static string StateOf(List<UpstreamReport> all, string name) =>
        string.Join(", ", all.Where(report => IsNamed(report, name)).Select(static report => report.State).Distinct());

    private static bool IsNamed(UpstreamReport report, string name) => report.Name.Equals(name, StringComparison.OrdinalIgnoreCase);

    private static string Shown(string text) => ClientText.Escape(Encoding.UTF8.GetBytes(text), ChangeRequest.LongestWhy);

    private static Task AnswerAsync(HttpContext context, UpstreamList list) => ControlRequests.AnswerAsync(context, list, ControlJson.Default.UpstreamList);

    private static partial class Log
    {
        [LoggerMessage(2100, LogLevel.Information, "upstream {Upstream}: probe by {By}", EventName = "UpstreamProbeAsked")]
        public static partial void UpstreamProbed(ILogger logger, string upstream, string by);

        [LoggerMessage(2101, LogLevel.Information, "upstream {Upstream}: {Action} by {Operator} refused: {Reason}", EventName = "UpstreamNotTold")]
        public static partial void UpstreamNotTold(ILogger logger, string upstream, string action, Operator @operator, string reason);
    }
}
