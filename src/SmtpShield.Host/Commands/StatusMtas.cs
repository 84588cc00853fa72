using System.Globalization;
using SmtpShield.Control.Upstreams;

namespace SmtpShield.Host.Commands;

/// <summary>
/// The MTAs in what <c>status</c> prints: a line for each, which says how it is for all services that use it. There are more columns where there is something
/// to say in them: for which services a line holds, where that is not all of them; who waits; and since when and why an MTA is not as it should be.
/// </summary>
internal static class StatusMtas
{
    /// <summary>Prints them.</summary>
    /// <param name="upstreams">As each service sees them.</param>
    /// <param name="services">The services, in order.</param>
    /// <param name="output">Where to.</param>
    public static void Print(IReadOnlyList<UpstreamReport> upstreams, IEnumerable<string> services, PlainOutput output)
    {
        if (upstreams.Count == 0)
            return;
        var rows = upstreams.GroupBy(static upstream => (upstream.Name, upstream.State, UpstreamCommand.ReasonOf(upstream)))
            .Select(static same => same.ToList()).ToList();
        var all = services.ToHashSet();
        List<(OutputColumn Head, Func<IReadOnlyList<UpstreamReport>, string> Text)> columns =
        [
            (new("MTA", Least: 16), static same => same[0].Name),
            (new("STATE"), static same => same[0].State),
            (new("SESSIONS"), static same => SessionsOf(same[0])),
            (new("GREETING"), static same => Time(same.Select(static one => one.GreetingMs).FirstOrDefault(static time => time is not null))),
            (new("REPLY P50"), static same => Time(same[0].ReplyP50Ms)),
            (new("P99"), static same => Time(same[0].ReplyP99Ms)),
            (new("FAILED/MIN"), static same => Number(same[0].FailedMin)),
        ];
        if (rows.Exists(static same => same[0].Waiting > 0))
            columns.Add((new("WAITING"), static same => Number(same[0].Waiting)));
        if (rows.Exists(same => !all.SetEquals(same.Select(static upstream => upstream.Service))))
            columns.Add((new("OF"), static same => string.Join(',', same.Select(static upstream => upstream.Service))));
        if (rows.Exists(static same => IsWorthALook(same[0])))
        {
            columns.Add((new("SINCE"), same => same[0].State != UpstreamState.Up ? output.Time(same[0].Since) : ""));
            columns.Add((new("REASON"), static same => UpstreamCommand.ReasonOf(same[0])));
        }

        output.Table([.. columns.Select(static column => column.Head)], rows.Select(same => (string[])[.. columns.Select(column => column.Text(same))]));
    }

    private static bool IsWorthALook(UpstreamReport upstream) => upstream.State != UpstreamState.Up || UpstreamCommand.ReasonOf(upstream).Length > 0;

    private static string SessionsOf(UpstreamReport upstream) =>
        (upstream.LimitInForce ?? upstream.Limit) is > 0 and var limit ? $"{Number(upstream.Sessions)}/{Number(limit)}" : Number(upstream.Sessions);

    private static string Time(int? milliseconds) => milliseconds switch
    {
        null => "",
        < 1000 => $"{Number(milliseconds)}ms",
        < 10_000 => string.Create(CultureInfo.InvariantCulture, $"{milliseconds / 1000.0:0.0}s"),
        _ => $"{Number(milliseconds / 1000)}s",
    };

    private static string Number(int? number) => number?.ToString(CultureInfo.InvariantCulture) ?? "";
}
