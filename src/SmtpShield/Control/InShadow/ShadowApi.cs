using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using SmtpShield.Bans;
using SmtpShield.Clients;
using SmtpShield.Control.Changes;
using SmtpShield.Control.Clients;
using SmtpShield.Hosting;
using SmtpShield.Options;
using SmtpShield.Shadow;

namespace SmtpShield.Control.InShadow;

/// <summary><c>/v1/shadow</c>: what limits in shadow would have done.</summary>
internal sealed class ShadowApi(ClientRules rules, ServiceScopes scopes, ShadowBans bans, ShadowFile file, ControlAudit audit, TimeProvider time)
{
    private const string Service = "service";

    /// <summary>Adds its paths.</summary>
    public void Map(IEndpointRouteBuilder application)
    {
        application.MapGet("/v1/shadow", ReportAsync);
        application.MapDelete("/v1/shadow", ResetAsync);
    }

    private Task ReportAsync(HttpContext context)
    {
        var query = ControlRequests.QueryOf(context, Service);
        if (query.TryGetValue(Service, out var service))
            rules.Require(service);
        return ControlRequests.AnswerAsync(context, Report(service), ControlJson.Default.ShadowReport);
    }

    private async Task ResetAsync(HttpContext context)
    {
        const string Remedy = """send Content-Type: application/json and nothing, or {"why": "text"} with at most 200 characters""";
        string? service = null;
        ShadowReport? before = null;
        var target = context.Request.Query[Service] is [{ Length: > 0 } one] ? AddressText.Shown(one) : "all services";
        await audit.DoAsync(audit.Begin(context, "shadow reset", target), async change =>
        {
            if (ControlRequests.QueryOf(context, Service).TryGetValue(Service, out service))
                rules.Require(service);
            var request = await ControlRequests.ReadChangeAsync(context, new ChangeRequest(), RequestJson.Default.ChangeRequest, Remedy);
            // A ban there would be holds at every service, and is by hits at any of them: one service's reset leaves it.
            var (isAll, wouldBe) = (service is null, bans.Table.Count);
            before = Report(service) with { BansEnded = isAll ? wouldBe : null, BansGoOn = isAll || wouldBe == 0 ? null : wouldBe };
            foreach (var name in ServicesOf(service))
                BookOf(name).Reset();
            if (isAll)
                bans.Reset();
            file.Save();
            return change with
            {
                Service = service,
                Before = string.Join("; ", before.Services.Select(static at => $"{at.Service}: {at.Rules.Sum(static rule => rule.Hits)} hits in shadow")),
                After = !isAll ? "counts set to 0" : $"counts set to 0, bans in shadow ended: {wouldBe}",
                Why = ControlAudit.Shown(request.Why),
            };
        });
        await ControlRequests.AnswerAsync(context, before!, ControlJson.Default.ShadowReport);
    }

    private ShadowReport Report(string? service)
    {
        var services = ServicesOf(service);
        return new([.. services.Select(name => ReportOf(name, ShadowAtService.MostCandidates / services.Count))]);
    }

    private IReadOnlyList<string> ServicesOf(string? service) => service is null ? rules.Services : [service];

    private ShadowBook BookOf(string service) => scopes.Of(service).GetRequiredService<ShadowBook>();

    private ShadowAtService ReportOf(string service, int most)
    {
        var options = rules.Of(service).Options;
        var all = BookOf(service).Summarize(most);
        return new(
            service,
            all.Since,
            (long)(time.GetUtcNow() - all.Since).TotalSeconds,
            all.Clients,
            all.AreClientsEstimated,
            all.Delivering,
            all.AreDeliveringEstimated,
            [.. all.Rules.Select(rule => ReportOf(options, rule)).OfType<ShadowRuleReport>()],
            [.. all.Candidates.Select(static one => new ShadowCandidateReport(
                $"{one.Client}", ShadowRules.All[one.Rule].Name, one.Most, one.Hits, one.Windows, one.MessagesAfter)
            {
                Name = one.Name is ClientIdentity.UnknownName ? null : one.Name,
            })],
            all.CandidateCount,
            all.CandidateCount > all.Candidates.Count,
            all.Delay.TotalSeconds,
            all.After,
            all.InBans,
            all.Dropped,
            [.. NotesOf(options)])
        {
            DeliverMailKnown = !options.Tls.IsPassedOn,
        };
    }

    // Null: the rule has nothing to say.
    private static ShadowRuleReport? ReportOf(ShieldOptions options, ShadowRuleSummary summary)
    {
        var rule = ShadowRules.All[summary.Rule];
        var inShadow = rule.DescribeInShadow(options);
        return inShadow == ShadowRule.OffWord && summary.Hits == 0 ? null : new(
            rule.Name, rule.Describe(rule.Of(ShadowLimits.EnforcedBy(options))), inShadow, summary.Clients, summary.AreClientsEstimated, summary.Hits,
            summary.FirstHits, summary.Delivering, summary.MessagesAfter);
    }

    private static IEnumerable<string> NotesOf(ShieldOptions options)
    {
        if (options.InShadow is null)
            yield return "nothing is in shadow now (shield_shadow)";
        if (options.InShadow is { Limits: { } limits } && options.Anvil.RateWindow == RateWindow.Sliding
            && (limits.ClientErrorRateLimit > 0 || limits.ClientAuthFailureRateLimit > 0))
        {
            yield return "in a sliding window error and login failure rates last longer in shadow than in force, which would have stopped the errors";
        }

        if (options.Tls.IsPassedOn)
            yield return "behind STARTTLS that is passed on nobody knows who delivers mail";
    }
}
