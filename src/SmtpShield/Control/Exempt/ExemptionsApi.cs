using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using SmtpShield.Clients;
using SmtpShield.Control.Changes;
using SmtpShield.Control.Clients;

namespace SmtpShield.Control.Exempt;

/// <summary><c>/v1/exemptions</c>: clients that are not limited for a while.</summary>
internal sealed class ExemptionsApi(Exemptions exemptions, ExemptionFile file, ClientTop top, ControlAudit audit, TimeProvider time)
{
    /// <summary>Seconds an exemption may last: 30 days.</summary>
    public const long Longest = 30L * 24 * 3600;

    private const string Prefix = "prefix";

    /// <summary>Adds its paths.</summary>
    public void Map(IEndpointRouteBuilder application)
    {
        application.MapGet("/v1/exemptions", ListAsync);
        application.MapPost("/v1/exemptions", AddAsync);
        application.MapDelete("/v1/exemptions", RemoveAsync);
    }

    /// <summary>Writes an exemption that was made, and says what is to be known of it.</summary>
    public IEnumerable<string> NotesOf() => ["it holds for connections that begin now", .. WhyNotKept()];

    /// <summary>Exempts clients.</summary>
    /// <exception cref="ControlException">It would last too long, or there are too many.</exception>
    public ExemptionReport Add(ClientRange prefix, long seconds, string by, string? why) => Add(prefix, seconds, by, why, out _);

    private ExemptionReport Add(ClientRange prefix, long seconds, string by, string? why, out Exemption? before)
    {
        if (seconds is < 1 or > Longest)
            throw ControlException.BadRequest("for_s is out of range", $"an exemption lasts 1 to {Longest} seconds", "for_s");
        var now = time.GetUtcNow();
        var exemption = new Exemption(prefix, now, now.AddSeconds(seconds), by, why);
        if (!exemptions.TryAdd(exemption, out before))
        {
            throw new ControlException(StatusCodes.Status409Conflict,
                new ControlProblem(
                    $"there are {Exemptions.Capacity} exemptions, and no room for another one", "end one that is not needed, or exempt a network"));
        }

        return ExemptionReport.Of(exemption);
    }

    private Task ListAsync(HttpContext context)
    {
        var query = ControlRequests.QueryOf(context, Prefix);
        var all = exemptions.All;
        var shown = query.TryGetValue(Prefix, out var text) && AddressText.ParsePrefix(text) is var prefix
            ? all.Where(exemption => prefix.Contains(exemption.Prefix) || exemption.Prefix.Contains(prefix))
            : all;
        return ControlRequests.AnswerAsync(
            context, new([.. shown.Select(ExemptionReport.Of)], all.Count, []), ControlJson.Default.ExemptionList);
    }

    private async Task AddAsync(HttpContext context)
    {
        const string Remedy = """send Content-Type: application/json and {"prefix": "192.0.2.0/24", "for_s": 86400, "why": "text"}""";
        ExemptionReport? report = null;
        string[] notes = [];
        await audit.DoAsync(audit.Begin(context, "allow", "-"), async change =>
        {
            ControlRequests.QueryOf(context);
            var request = await ControlRequests.ReadChangeAsync(context, empty: null, RequestJson.Default.ExemptionRequest, Remedy);
            if (request.Prefix is not { } text || request.ForS is not { } seconds)
                throw ControlException.BadRequest("prefix and for_s are both needed", Remedy, request.Prefix is null ? Prefix : "for_s");
            var prefix = AddressText.ParsePrefix(text);
            report = Add(prefix, seconds, change.By, ControlAudit.Shown(request.Why), out var before);
            notes = [.. NotesOf()];
            return change with
            {
                Target = report.Prefix,
                Before = before is null ? "not exempt" : $"exempt until {Utc(before.Until)} by {before.By}",
                After = $"exempt until {Utc(report.Until)}",
                Until = report.Until,
                Why = report.Why,
            };
        });
        await top.ForgetAsync();
        await ControlRequests.AnswerAsync(context, new([report!], exemptions.All.Count, notes), ControlJson.Default.ExemptionList);
    }

    private async Task RemoveAsync(HttpContext context)
    {
        const string Remedy = """send Content-Type: application/json and nothing, or {"why": "text"} with at most 200 characters""";
        Exemption? removed = null;
        string[] notes = [];
        var target = context.Request.Query[Prefix] is [{ Length: > 0 } one] ? AddressText.Shown(one) : "-";
        await audit.DoAsync(audit.Begin(context, "disallow", target), async change =>
        {
            if (!ControlRequests.QueryOf(context, Prefix).TryGetValue(Prefix, out var text))
                throw ControlException.BadRequest("prefix is needed", "name the prefix: ?prefix=192.0.2.0/24", Prefix);
            var request = await ControlRequests.ReadChangeAsync(context, new ChangeRequest(), RequestJson.Default.ChangeRequest, Remedy);
            var prefix = AddressText.ParsePrefix(text);
            removed = exemptions.Remove(prefix);
            var covers = exemptions.Find(prefix);
            if (removed is null)
            {
                throw ControlException.NotFound(
                    $"{prefix} is not exempted by allow", covers is null ? "allow --list shows all" : $"{covers.Prefix} is, which covers it", Prefix);
            }

            notes = [.. covers is null ? [] : (string[])[$"{covers.Prefix} still covers it, until {Utc(covers.Until)}"], .. WhyNotWritten()];
            return change with
            {
                Target = $"{prefix}",
                Before = $"exempt until {Utc(removed.Until)} by {removed.By}",
                After = covers is null ? "not exempt" : $"exempt with {covers.Prefix}",
                Why = ControlAudit.Shown(request.Why),
            };
        });
        await top.ForgetAsync();
        await ControlRequests.AnswerAsync(
            context, new([ExemptionReport.Of(removed!)], exemptions.All.Count, notes), ControlJson.Default.ExemptionList);
    }

    // What is changed is on the disk before it is answered.
    private IEnumerable<string> WhyNotKept() =>
        file.IsKept ? WhyNotWritten() : ["there is no shield_state_directory: when the shield is restarted, this is forgotten"];

    private IEnumerable<string> WhyNotWritten() => file.Save() ? []
        : ["it could not be written to shield_state_directory, see the log: if the shield is restarted now, this is forgotten"];

    private static string Utc(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
