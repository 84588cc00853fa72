using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using SmtpShield.Baseline;
using SmtpShield.Control.Clients;
using SmtpShield.Limits;
using SmtpShield.Options;

namespace SmtpShield.Control.Suggestions;

/// <summary><c>/v1/suggest</c>: limits that clients which deliver mail would not notice.</summary>
internal sealed class SuggestApi(Baselines baselines, AnvilTable table, ClientRules rules, TimeProvider time)
{
    /// <summary>Days that are looked at where nothing is said.</summary>
    public const int DefaultDays = 7;

    /// <summary>The margin where nothing is said.</summary>
    public const double DefaultMargin = 2;

    private const int MostDays = BaselineBook.Days - 1;
    private const double MostMargin = 100;

    private const string Days = "days";
    private const string Margin = "margin";
    private const string Service = "service";

    /// <summary>Adds its path.</summary>
    public void Map(IEndpointRouteBuilder application) => application.MapGet("/v1/suggest", ServeAsync);

    private Task ServeAsync(HttpContext context)
    {
        var query = ControlRequests.QueryOf(context, Days, Margin, Service);
        var (days, margin) = (DefaultDays, DefaultMargin);
        if (query.TryGetValue(Days, out var text)
            && (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out days) || days is < 1 or > MostDays))
        {
            throw ControlException.BadRequest("days is no number of days that are kept", $"write 1 to {MostDays}", Days);
        }

        if (query.TryGetValue(Margin, out text)
            && (!double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out margin) || margin is not (>= 1 and <= MostMargin)))
        {
            throw ControlException.BadRequest("margin is no factor", $"write 1 to {MostMargin.ToString(CultureInfo.InvariantCulture)}, as in 2 or 1.5", Margin);
        }

        if (query.TryGetValue(Service, out var service))
            rules.Require(service);
        var report = new SuggestionReport(
            days, margin, baselines.Unit, table.Delivering.CountSince(time.GetUtcNow().AddDays(-days)),
            [.. (service is null ? rules.Services : [service]).Select(name => At(name, days, margin))]);
        return ControlRequests.AnswerAsync(context, report, ControlJson.Default.SuggestionReport);
    }

    private SuggestionsAtService At(string service, int days, double margin)
    {
        var options = rules.Of(service).Options;
        var limits = ObservedLimit.All.Index().Select(one => Of(service, options, one.Index, days, margin)).OfType<LimitSuggestion>().ToList();
        return new(service, options.Anvil.Observe, limits, [.. ShadowOf(options.Shadow.Rules)], [.. NotesOf(options, limits)]);
    }

    // Null: nothing was seen.
    private LimitSuggestion? Of(string service, ShieldOptions options, int index, int days, double margin)
    {
        var (limit, book) = (ObservedLimit.All[index], baselines.Of(service));
        var delivering = book.Sum(index, ClientClass.Delivers, baselines.Today, days, baselines.Unit);
        var other = book.Sum(index, ClientClass.Other, baselines.Today, days, baselines.Unit);
        if (delivering.Count + other.Count == 0)
            return null;

        var now = limit.Value(options.Limits);
        var proposed = LimitProposal.Of(limit, delivering, margin);
        return new(limit.Parameter, delivering.Count, now, LimitProposal.IsCutOff(delivering, now), limit.Subject)
        {
            P50 = delivering.Quantile(0.5),
            P99 = delivering.Quantile(0.99),
            P999 = delivering.Quantile(OrderStatistics.Quantile),
            Max = delivering.Count > 0 ? delivering.Largest : null,
            Upper95 = delivering.UpperBound,
            Proposed = proposed,
            OthersAbove = proposed is { } value && other.ShareAbove(limit, value) is { } share ? Math.Round(share, 4) : null,
        };
    }

    private static IEnumerable<string> ShadowOf(ShadowList list)
    {
        if (list.HasAll)
            yield return "all";
        foreach (var name in list.Names.Order(StringComparer.Ordinal))
            yield return name;
        foreach (var name in list.Excluded.Order(StringComparer.Ordinal))
            yield return $"!{name}";
        foreach (var (name, value) in list.Candidates.OrderBy(static one => one.Key, StringComparer.Ordinal))
            yield return string.Create(CultureInfo.InvariantCulture, $"{name}={value}");
    }

    private static IEnumerable<string> NotesOf(ShieldOptions options, List<LimitSuggestion> limits)
    {
        if (!options.Anvil.Observe)
            yield return "clients are not observed (shield_observe = no)";
        else if (limits.Count == 0)
            yield return "nothing was seen yet: what a client does counts when its window is over";
        foreach (var limit in limits)
        {
            if (limit.Proposed is null)
                yield return $"{limit.Limit}: {limit.Windows} windows are too few to propose anything ({LimitProposal.LeastWindows} needed)";
            else if (limit.Upper95 is null)
            {
                yield return $"{limit.Limit}: {limit.Windows} windows leave the 99.9th percentile open ({OrderStatistics.LeastForBound} needed); "
                    + "from the largest seen";
            }

            if (limit.CutOff)
                yield return $"{limit.Limit}: * more than 0.1% of the windows have reached the limit in force, so clients may need more than is seen";
        }

        if (options.Tls.IsPassedOn)
            yield return "behind STARTTLS that is passed on nobody knows who delivers mail";
    }
}
