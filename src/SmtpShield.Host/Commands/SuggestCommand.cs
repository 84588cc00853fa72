using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using SmtpShield.Control;
using SmtpShield.Control.Suggestions;

namespace SmtpShield.Host.Commands;

/// <summary><c>smtpshield suggest</c>: limits that clients which deliver mail would not notice.</summary>
internal static class SuggestCommand
{
    private const string Resource = "v1/suggest";
    private const string Shadow = "shadow";
    private const string ShadowParameter = "shield_shadow";

    private static readonly string[] _head =
        ["LIMIT", "WINDOWS", "P50", "P99", "P99.9", "95%", "MAX", "PROPOSED", "NOW", "OTHERS ABOVE IT"];

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var options = new ControlArguments();
        var days = new Option<string?>("--days") { Description = "Look at so many days beside this one, at most 7; otherwise at 7.", HelpName = "number" };
        var margin = new Option<string?>("--margin") { Description = "Leave so much room above what was seen; otherwise 2.", HelpName = "factor" };
        var service = new Option<string?>("--service") { Description = "Only this service.", HelpName = "name" };
        var write = new Option<string?>("--write")
        {
            Description = "Put what is proposed in shadow: write shield_shadow to main.cf, as postconf -e does, and put that in force.",
            HelpName = Shadow,
        };
        write.AcceptOnlyFromAmong(Shadow);
        var why = new Option<string?>("--why") { Description = "With --write, for the log, at most 200 characters.", HelpName = "text" };
        var command = new Command("suggest", "Propose limits that clients which deliver mail would not notice.") { days, margin, service, write, why };
        options.AddTo(command);
        command.SetAction(async (arguments, cancellationToken) =>
        {
            SuggestionReport? report = null;
            var (question, isWrite) = (new ControlQuestion(options), arguments.GetValue(write) is not null);
            var status = await question.AskAsync(
                arguments,
                HttpMethod.Get,
                ResourceQuery.Of(
                    Resource, ("days", arguments.GetValue(days)), ("margin", arguments.GetValue(margin)), ("service", arguments.GetValue(service))),
                change: null,
                (text, output) =>
                {
                    report = JsonSerializer.Deserialize(text, ControlJson.Default.SuggestionReport)!;
                    if (output is not null)
                        Print(report, isWrite, output);
                    return ControlQuestion.Done;
                },
                cancellationToken);
            if (status != ControlQuestion.Done || !isWrite)
                return status;

            var error = new PlainOutput(arguments.InvocationConfiguration.Error, options.ZoneOf(arguments));
            if (WhyNot(report!) is { } reason)
            {
                error.Line($"smtpshield: {reason}");
                return ControlQuestion.Refused;
            }

            return await new LimitsSave(question, arguments, options.FileOf(arguments), error, "who may write the file?")
                .SaveAsync(ValuesOf(report!, arguments.GetValue(service)), arguments.GetValue(why), cancellationToken);
        });
        return command;
    }

    private static void Print(SuggestionReport report, bool isWrite, PlainOutput output)
    {
        foreach (var at in report.Services)
        {
            output.Line(string.Create(CultureInfo.InvariantCulture,
                $"{at.Service}, {Days(report)}, {Clients(report.DeliverMail)} mail, windows of {report.WindowS}s, margin {report.Margin}"));
            if (at.Limits.Count > 0)
                output.Table(_head, at.Limits.Select(RowOf));
            foreach (var note in at.Notes)
                output.Line(note);
        }

        if (Proposals(report).Any())
        {
            output.Line($"{Days(report)} can miss a newsletter or a month's end."
                + (isWrite ? "" : " First in shadow: smtpshield suggest --write shadow"));
        }
    }

    private static string[] RowOf(LimitSuggestion limit) =>
    [
        limit.Limit, Number(limit.Windows), Number(limit.P50), Number(limit.P99), Number(limit.P999), Number(limit.Upper95), Number(limit.Max),
        limit.Proposed is null ? "" : Number(limit.Proposed) + (limit.CutOff ? "*" : ""), Number(limit.Now),
        limit.OthersAbove is { } share ? string.Create(CultureInfo.InvariantCulture, $"{share * 100:0.0}% of their {limit.OthersOf}") : "",
    ];

    // Null: it can be written.
    private static string? WhyNot(SuggestionReport report)
    {
        if (!Proposals(report).Any())
            return "nothing is proposed, so nothing was written (let clients come for some days)";

        // To write another list in its place would put a limit in force that is not now.
        foreach (var at in report.Services)
        {
            var names = at.Limits.Where(static limit => limit.Proposed is not null).Select(static limit => limit.Limit).ToHashSet();
            if (names.Count > 0 && at.Shadow.FirstOrDefault(word => !(word.Split('=') is [var name, _] && names.Contains(name))) is { } other)
            {
                return $"{at.Service}: {other} is in shadow already, and nothing was written "
                    + $"(empty it first: smtpshield postconf -e {ShadowParameter}=)";
            }
        }

        return null;
    }

    // Without a service's name where there is only one: the value of all services.
    private static Dictionary<string, string> ValuesOf(SuggestionReport report, string? service) => report.Services
        .Where(static at => at.Limits.Any(static limit => limit.Proposed is not null))
        .ToDictionary(
            at => LimitsSetCommand.WrittenName(ShadowParameter, service is null && report.Services.Count == 1 ? null : at.Service),
            static at => string.Join(", ", at.Limits.Where(static limit => limit.Proposed is not null)
                .Select(static limit => $"{limit.Limit}={Number(limit.Proposed)}")));

    private static IEnumerable<LimitSuggestion> Proposals(SuggestionReport report) =>
        report.Services.SelectMany(static at => at.Limits).Where(static limit => limit.Proposed is not null);

    private static string Days(SuggestionReport report) => report.Days == 1 ? "1 day" : $"{Number(report.Days)} days";

    private static string Clients(int count) => count == 1 ? "1 client that delivers" : $"{Number(count)} clients that deliver";

    private static string Number(long? number) => number?.ToString(CultureInfo.InvariantCulture) ?? "";
}
