using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace SmtpShield.Control.Series;

/// <summary><c>/v1/series</c>: how it has been in the last minutes and hours.</summary>
internal sealed class SeriesApi(SeriesStore store)
{
    // Of a point's digits: a mean of seconds has more than anybody can use, and an answer has a bound.
    private const int Decimals = 6;

    private const string Name = "name";
    private const string Step = "step_s";

    /// <summary>Adds its path.</summary>
    public void Map(IEndpointRouteBuilder application) => application.MapGet("/v1/series", ServeAsync);

    /// <summary>A point as it is answered; null: not known.</summary>
    public static double? Shown(double point) => double.IsNaN(point) ? null : Math.Round(point, Decimals);

    private Task ServeAsync(HttpContext context)
    {
        var query = ControlRequests.QueryOf(context, Name, Step);
        var isCoarse = query.TryGetValue(Step, out var step) && step switch
        {
            "1" => false,
            "10" => true,
            _ => throw ControlException.BadRequest("step_s is neither 1 nor 10", "1 gives the last 10 minutes, 10 the last 6 hours", Step),
        };
        var all = SeriesCatalog.Definitions;
        var names = query.TryGetValue(Name, out var text) ? text.Split(',') : [.. all.Select(static series => series.Name)];
        DateTimeOffset? end = null;
        var reports = new List<SeriesReport>();
        foreach (var name in names.Distinct())
        {
            var index = IndexOf(name);
            var points = store.Read(index, isCoarse, out var at);
            end = points.Length > 0 ? at : null;
            reports.Add(new(name, all[index].Unit, [.. points.Select(Shown)]));
        }

        return ControlRequests.AnswerAsync(context, new(isCoarse ? SeriesStore.CoarseStep : 1, end, reports), ControlJson.Default.SeriesList);
    }

    private static int IndexOf(string name)
    {
        for (var i = 0; i < SeriesCatalog.Definitions.Count; i++)
        {
            if (SeriesCatalog.Definitions[i].Name == name)
                return i;
        }

        throw ControlException.NotFound($"no such series: {AddressText.Shown(name)}",
            $"there are {string.Join(", ", SeriesCatalog.Definitions.Select(static series => series.Name))}", Name);
    }
}
