using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace SmtpShield.Control.Monitoring;

/// <summary>What <c>shield_metrics_listen</c> serves: <c>/metrics</c>, <c>/healthz</c> and <c>/readyz</c>.</summary>
internal sealed class MetricsApi(MetricsReader reader, Health health)
{
    private const string OpenMetrics = "application/openmetrics-text";
    private const string Upstream = "upstream";

    /// <summary>Serves a request.</summary>
    public Task ServeAsync(HttpContext context)
    {
        Func<HttpContext, Task>? serve = context.Request.Path.Value switch
        {
            "/metrics" => ServeMetricsAsync,
            "/healthz" => ServeHealthAsync,
            "/readyz" => ServeReadinessAsync,
            _ => null,
        };
        if (serve is not null && HttpMethods.IsGet(context.Request.Method))
            return serve(context);

        if (serve is not null)
            context.Response.Headers.Allow = HttpMethods.Get;
        context.Response.StatusCode = serve is null ? StatusCodes.Status404NotFound : StatusCodes.Status405MethodNotAllowed;
        return Task.CompletedTask;
    }

    /// <summary>Whether OpenMetrics is asked for, and not less than plain text.</summary>
    /// <param name="accept">The values of the header <c>Accept</c>.</param>
    public static bool WantsOpenMetrics(IList<string> accept)
    {
        if (!MediaTypeHeaderValue.TryParseList(accept, out var types))
            return false;

        var (open, plain) = (0.0, 0.0);
        foreach (var type in types)
        {
            var quality = type.Quality ?? 1;
            if (type.MediaType.Equals(OpenMetrics, StringComparison.OrdinalIgnoreCase) && VersionOf(type) is "" or "1.0.0")
                open = Math.Max(open, quality);
            else if (type.MediaType.Equals("text/plain", StringComparison.OrdinalIgnoreCase))
                plain = Math.Max(plain, quality);
        }

        return open > 0 && open >= plain;

        static string VersionOf(MediaTypeHeaderValue type) =>
            type.Parameters.FirstOrDefault(static parameter => parameter.Name.Equals("version", StringComparison.OrdinalIgnoreCase))?.Value.Value ?? "";
    }

    private Task ServeMetricsAsync(HttpContext context)
    {
        ControlRequests.QueryOf(context);
        var isOpenMetrics = WantsOpenMetrics(context.Request.Headers.Accept.OfType<string>().ToList());
        return AnswerAsync(context, StatusCodes.Status200OK, reader.ReadText(isOpenMetrics), MetricsText.MediaTypeOf(isOpenMetrics));
    }

    private Task ServeHealthAsync(HttpContext context)
    {
        ControlRequests.QueryOf(context);
        return AnswerAsync(context, health.Problems());
    }

    private Task ServeReadinessAsync(HttpContext context)
    {
        var asksForUpstream = ControlRequests.QueryOf(context, Upstream).TryGetValue(Upstream, out var asked);
        if (asksForUpstream && asked is not ("0" or "1"))
            throw ControlException.BadRequest($"{Upstream} is neither 0 nor 1", $"ask for /readyz?{Upstream}=1", Upstream);

        var problems = new List<string>();
        if (health.WhyNotReady is { } reason)
            problems.Add(reason);
        else if (asked == "1" && health.ServicesWithoutUpstream() is > 0 and var count)
            problems.Add($"{count} {(count == 1 ? "service has" : "services have")} had no MTA for {Health.LongestOutage.TotalSeconds:0} s");
        return AnswerAsync(context, problems);
    }

    private static Task AnswerAsync(HttpContext context, IReadOnlyList<string> problems) => AnswerAsync(
        context, problems.Count == 0 ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable,
        Encoding.ASCII.GetBytes(problems.Count == 0 ? "ok\n" : string.Concat(problems.Select(static problem => $"{problem}\n"))), "text/plain; charset=utf-8");

    private static async Task AnswerAsync(HttpContext context, int status, byte[] body, string mediaType)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = mediaType;
        context.Response.ContentLength = body.Length;
        context.Response.Headers.CacheControl = "no-store";
        await context.Response.Body.WriteAsync(body, context.RequestAborted);
    }
}
