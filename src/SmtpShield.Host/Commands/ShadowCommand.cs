using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using SmtpShield.Control;
using SmtpShield.Control.Changes;
using SmtpShield.Control.InShadow;

namespace SmtpShield.Host.Commands;

/// <summary><c>smtpshield shadow</c>: what limits in shadow would have done.</summary>
internal static class ShadowCommand
{
    /// <summary>The exit status of a report with clients that deliver mail and would have been hit, when that is asked for.</summary>
    public const int HasCandidates = 4;

    private const string Resource = "v1/shadow";

    private static readonly string[] _head = ["RULE", "IN FORCE", "SHADOW", "CLIENTS", "HITS", "DELIVER MAIL", "MAIL AFTER HIT"];

    /// <summary>Makes the command.</summary>
    public static Command Create() =>
        new("shadow", "See what limits in shadow (shield_shadow) would have done, and begin to count anew.") { Report(), Reset() };

    private static Command Report()
    {
        var options = new ControlArguments();
        var service = Service();
        var fails = new Option<bool>("--fail-on-candidates")
        {
            Description = $"Exit with {HasCandidates} if a client that delivers mail would have been hit.",
        };
        var command = new Command("report", "Print what limits in shadow would have done, clients that deliver mail first.") { service, fails };
        options.AddTo(command);
        command.SetAction((arguments, cancellationToken) => new ControlQuestion(options).AskAsync(
            arguments,
            HttpMethod.Get,
            ResourceQuery.Of(Resource, ("service", arguments.GetValue(service))),
            change: null,
            (text, output) =>
            {
                var report = JsonSerializer.Deserialize(text, ControlJson.Default.ShadowReport)!;
                if (output is not null)
                    Print(report, output);
                return arguments.GetValue(fails) && report.Services.Any(static at => at.CandidatesTotal > 0) ? HasCandidates : ControlQuestion.Done;
            },
            cancellationToken));
        return command;
    }

    private static Command Reset()
    {
        var options = new ControlArguments();
        var service = Service();
        var why = new Option<string?>("--why") { Description = "For the log, at most 200 characters.", HelpName = "text" };
        var command = new Command("reset", "Set what limits in shadow would have done to 0, and count anew.") { service, why };
        options.AddTo(command);
        command.SetAction((arguments, cancellationToken) => new ControlQuestion(options).AskAsync(
            arguments,
            HttpMethod.Delete,
            ResourceQuery.Of(Resource, ("service", arguments.GetValue(service))),
            JsonSerializer.Serialize(new ChangeRequest(arguments.GetValue(why)), RequestJson.Default.ChangeRequest),
            static (text, output) => PrintReset(JsonSerializer.Deserialize(text, ControlJson.Default.ShadowReport)!, output),
            cancellationToken));
        return command;
    }

    private static Option<string?> Service() => new("--service") { Description = "Only this service.", HelpName = "name" };

    /// <summary>Prints what a reset has ended.</summary>
    public static void PrintReset(ShadowReport before, PlainOutput output)
    {
        foreach (var at in before.Services)
            output.Line($"{at.Service}: {Count(at.Rules.Sum(static rule => rule.Hits), "hit")} forgotten, counted since {output.Time(at.Since)}");
        if (before.BansEnded is > 0 and var ended)
            output.Line($"bans in shadow: {Number(ended)} ended");
        if (before.BansGoOn is { } left)
            output.Line($"bans in shadow: {Number(left)} {(left == 1 ? "goes" : "go")} on, at every service (shadow reset without --service ends all)");
    }

    private static void Print(ShadowReport report, PlainOutput output)
    {
        foreach (var (index, at) in report.Services.Index())
        {
            if (index > 0)
                output.Line("");
            Print(at, output);
        }
    }

    private static void Print(ShadowAtService at, PlainOutput output)
    {
        output.Line($"{at.Service}, since {output.Time(at.Since)} ({Duration(at.DurationS)}): {Number(at.Clients, at.ClientsEstimated)} "
            + $"{(at.Clients == 1 ? "client" : "clients")}, {Delivering(at)}");
        if (at.Rules.Count > 0)
        {
            output.Table(_head, at.Rules.Select(rule => (string[])[
                rule.Rule, rule.InForce, rule.Shadow, Number(rule.Clients, rule.ClientsEstimated), Number(rule.Hits), Delivering(at, rule.DeliverMail),
                Number(rule.MailAfterHit)]));
        }

        if (at.Candidates.Count > 0)
        {
            output.Line("clients that deliver mail and would have been hit: look at these first");
            foreach (var one in at.Candidates)
            {
                output.Line($"  {one.Client}  {one.Name ?? PlainOutput.Nothing}  {one.Rule}  at most {Number(one.AtMost)}  {Count(one.Windows, "window")}  "
                    + $"{Count(one.MessagesAfter, "message")} after");
            }

            if (at.Truncated)
                output.Line($"  there are {Number(at.CandidatesTotal)} in all");
            output.Line("a hit would have delayed such a client (421, 450: it tries again), not lost its mail");
        }

        if (at.WouldDelayS > 0)
            output.Line(string.Create(CultureInfo.InvariantCulture, $"replies would have been delayed for {at.WouldDelayS:0.#} s, all together"));
        if (at.InBans > 0)
            output.Line($"{Count(at.InBans, "connection")} of clients that would have been banned then");
        if (at.After > 0)
            output.Line($"{Count(at.After, "hit")} in sessions that would have been over by then count under no rule");
        foreach (var note in at.Notes)
            output.Line($"note: {note}");
    }

    private static string Delivering(ShadowAtService at) => at is { DeliverMailKnown: false, DeliverMail: 0 } ? "it is unknown whether they deliver mail"
        : $"{Number(at.DeliverMail, at.DeliverMailEstimated)} of them {(at.DeliverMail == 1 ? "delivers" : "deliver")} mail";

    private static string Delivering(ShadowAtService at, long count) => at.DeliverMailKnown || count > 0 ? Number(count) : "unknown";

    private static string Duration(long seconds) => seconds switch
    {
        < 120 => $"{seconds}s",
        < 2 * 3600 => $"{seconds / 60}m",
        < 2 * 86400 => $"{seconds / 3600}h",
        _ => $"{seconds / 86400}d",
    };

    private static string Count(long count, string noun) => $"{Number(count)} {noun}{(count == 1 ? "" : "s")}";

    private static string Number(long number, bool isEstimate = false) => (isEstimate ? "~" : "") + number.ToString(CultureInfo.InvariantCulture);
}
