using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using SmtpShield.Control;
using SmtpShield.Control.Banning;
using SmtpShield.Control.Clients;
using SmtpShield.Control.Exempt;
using SmtpShield.Control.InShadow;

namespace SmtpShield.Host.Commands;

/// <summary><c>smtpshield explain</c>: how a client stands, by which rule it is limited, and until when.</summary>
internal static class ExplainCommand
{
    /// <summary>The exit status of <c>--quiet</c> when a limit refuses what the client does next.</summary>
    public const int Limited = 4;

    /// <summary>The exit status of <c>--quiet</c> when the client is banned.</summary>
    public const int Banned = 5;

    private static readonly string[] _noEvents = ["nothing that is remembered"];

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var options = new ControlArguments();
        var address = new Argument<string>("address") { Description = "The client's address." };
        var service = new Option<string?>("--service") { Description = "Only at this service.", HelpName = "name" };
        var quiet = new Option<bool>("--quiet")
        {
            Description = "Print nothing: the exit status is 0, 4 when a limit refuses what it does next, or 5 when it is banned.",
        };
        var command = new Command("explain", "Print how a client stands: by which rule it is limited and until when, and what it was refused.")
        {
            address, service, quiet,
        };
        options.AddTo(command);
        command.SetAction((arguments, cancellationToken) => new ControlQuestion(options).AskAsync(
            arguments,
            HttpMethod.Get,
            ResourceQuery.Of($"v1/clients/{Uri.EscapeDataString(arguments.GetValue(address)!)}", ("service", arguments.GetValue(service))),
            change: null,
            (text, output) =>
            {
                var isQuiet = arguments.GetValue(quiet);
                var explanation = JsonSerializer.Deserialize(text, ControlJson.Default.ClientExplanation)!;
                if (output is not null && !isQuiet)
                    Print(explanation, output);
                return !isQuiet ? ControlQuestion.Done
                    : explanation.Services.Any(static at => at.State == ClientState.Banned.Word()) ? Banned
                    : explanation.Services.Any(static at => at.State == ClientState.Limited.Word()) ? Limited : ControlQuestion.Done;
            },
            cancellationToken));
        return command;
    }

    /// <summary>Prints an answer.</summary>
    public static void Print(string text, PlainOutput output) => Print(JsonSerializer.Deserialize(text, ControlJson.Default.ClientExplanation)!, output);

    private static void Print(ClientExplanation explanation, PlainOutput output)
    {
        foreach (var at in explanation.Services)
        {
            if (at != explanation.Services[0])
                output.Line("");
            Print(explanation, at, output);
        }
    }

    private static void Print(ClientExplanation explanation, ClientAtService at, PlainOutput output)
    {
        var address = explanation.Address;
        string TimeOf(DateTimeOffset? time) => output.TimeAt(time, explanation.At);
        output.Line($"{address}  {(explanation.Name is { } known ? $"{known}  " : "")}{at.Service}  {HeadOf(at, TimeOf)}");
        foreach (var rule in at.Rules.Where(static rule => rule.Refuses || rule.Count > 0).OrderByDescending(static rule => rule.Refuses))
        {
            Line("rule", $"{rule.Rule} = {Number(rule.Limit)}{(rule.Origin is { } origin ? $" ({origin})" : "")}", output);
            Line("counted", $"{Number(rule.Count)} {rule.Unit}{ElsewhereOf(rule)}{WindowOf(at, rule, TimeOf)}{OverOf(at, rule, TimeOf)}", output);
        }

        Line("as", $"{CountedAs.Text(at.Client)} ({CountedAs.Parameter(at.Client)})", output);
        if (at.Refused is { } refused)
            Line("refused", $"{(refused == 1 ? "once" : $"{Number(refused)} times")} since {TimeOf(at.RefusedSince)}{RulesOf(at)}", output);
        PrintWhatElse(at, TimeOf, output);
        if (at.Accepted is { Messages: var messages } mail)
            Line("accepted", $"{messages} message{(messages == 1 ? "" : "s")}, the last at {TimeOf(mail.LastAt)}: it delivers mail here", output);
        Lines("last", at.Events.Count > 0 ? at.Events.Select(noted => EventOf(noted, TimeOf)) : _noEvents, output);
        if (at.MtaReply is { } reply)
            Line("MTA said", reply, output);
        foreach (var note in at.Notes)
            Line("note", note, output);
        if (at.State == ClientState.Banned.Word())
            Line("now", $"smtpshield unban {at.Ban!.Prefix}   (or: smtpshield allow {at.Client} --for 1d)", output);
        else if (at.State == ClientState.Limited.Word())
            Line("now", $"smtpshield release {address}   (or: smtpshield allow {at.Client} --for 1d)", output);
        else if (at.State != ClientState.Exempt.Word())
            Line("now", $"no limit refuses what it does next. If it can't connect: fail2ban-client banned {address}, or the firewall", output);
    }

    // What is not has one line together, what is has its own.
    private static void PrintWhatElse(ClientAtService at, Func<DateTimeOffset?, string> timeOf, PlainOutput output)
    {
        List<string> not = [];
        if (at.Exempt is { } exempt)
            Line("exempt", ExemptOf(exempt, timeOf), output);
        else
            not.Add("exempt no");
        if (at.Shadow is { Count: > 0 } shadow)
            Lines("shadow", shadow.Select(one => ShadowOf(one, timeOf)), output);
        else
            not.Add("shadow no");
        if (at.Ban is { } ban)
            Line("ban", BanOf(at, ban, timeOf), output);
        else
            not.Add($"ban no{(at.BanThreshold is { } most ? $" ({Number(at.BanHits ?? 0)} of {Number(most)} hits in {Number(at.BanWindowS ?? 0)}s)" : "")}");
        if (not.Count > 0)
            output.Line($"  {string.Join("   ", not)}");
    }

    private static string RulesOf(ClientAtService at) => at.Refusals is { Count: > 0 } refusals
        ? ": " + string.Join(", ", refusals.Select(static one => string.Create(CultureInfo.InvariantCulture, $"{one.Count} by {one.Rule}"))) : "";

    private static string BanOf(ClientAtService at, BanReport ban, Func<DateTimeOffset?, string> timeOf) =>
        $"{ban.Prefix} until {timeOf(ban.Until)}: {BansCommand.ReasonOf(ban)}{(ban.Level > 0 ? $", level {Number(ban.Level)}" : "")}"
            + (at.State == ClientState.Banned.Word() ? "" : "; it is exempt, and passes");

    private static string HeadOf(ClientAtService at, Func<DateTimeOffset?, string> timeOf)
    {
        if (at.State == ClientState.Banned.Word())
            return $"BANNED until {timeOf(at.Until)}";
        if (at.State != ClientState.Limited.Word())
            return at.State == ClientState.Unknown.Word() ? "unknown: nothing is counted of it" : at.State;
        return at.Until is { } until
            ? $"LIMITED until {timeOf(until)} if it sends nothing more"
            : $"LIMITED until {EndsOf(at.Rules.First(static rule => rule.Ends is not null))}";
    }

    private static string ElsewhereOf(ClientRule rule) => rule.Elsewhere is { } count ? $", {Number(count)} of them at other shields" : "";

    private static string WindowOf(ClientAtService at, ClientRule rule, Func<DateTimeOffset?, string> timeOf) =>
        rule.Rule == "smtpd_client_connection_count_limit" ? ""
        : at.Sliding ? $" within {Number(at.WindowS)}s, by estimate"
        : at.Since is { } since ? $" since {timeOf(since)} in a window of {Number(at.WindowS)}s" : "";

    // Until when all of it is over stands in the head.
    private static string OverOf(ClientAtService at, ClientRule rule, Func<DateTimeOffset?, string> timeOf)
    {
        if (!rule.Refuses)
            return "";
        var over = rule.OverSince is { } since ? $"; over the limit since {timeOf(since)}" : "; the next is refused";
        return rule.Until is not { } until ? $"{over} until {EndsOf(rule)}"
            : until == at.Until ? over : $"{over}, until {timeOf(until)}";
    }

    private static string EndsOf(ClientRule rule) => rule.Ends!["when ".Length..];

    private static string ExemptOf(ExemptBy exempt, Func<DateTimeOffset?, string> timeOf) => exempt.Until is { } until
        ? $"until {timeOf(until)}: allow {exempt.Element} by {exempt.By}{(exempt.Why is { } why ? $", {why}" : "")}"
        : $"{exempt.Element} in {exempt.List}";

    private static string EventOf(ClientEventReport noted, Func<DateTimeOffset?, string> timeOf)
    {
        var what = noted.Kind switch
        {
            "error" => $"{Number(noted.Code ?? 0)} to {noted.Verb} from the MTA, error {Number(noted.Count ?? 0)} of its session",
            "released" => "released",
            "forbidden_command" or "pipelining" => $"{Number(noted.Code ?? 0)} {noted.Rule}",
            "handshakes" => $"no handshake: {Number(noted.Count ?? 0)} left unfinished ({noted.Rule})",
            _ => $"{(noted.Code is { } code ? Number(code) : "closed")} {noted.Rule}  {Number(noted.Count ?? 0)} of {Number(noted.Limit ?? 0)}",
        };
        return $"{timeOf(noted.At)}  {what}";
    }

    private static string ShadowOf(ClientInShadow one, Func<DateTimeOffset?, string> timeOf)
    {
        var hits = one.Hits == 0 ? "" : $"hit {(one.Hits == 1 ? "once" : $"{Number(one.Hits)} times")}, in {Number(one.Windows)} "
            + $"{(one.Windows == 1 ? "window" : "windows")}, the last at {timeOf(one.LastAt)}"
            + (one.MessagesAfter == 0 ? "" : $", {Number(one.MessagesAfter)} {(one.MessagesAfter == 1 ? "message" : "messages")} after");
        var refuses = !one.Refuses ? "" : $"the next would be refused until {(one.Until is { } until ? timeOf(until) : one.Ends!["when ".Length..])}";
        return $"{one.Rule} = {one.Shadow}: {hits}{(hits.Length > 0 && refuses.Length > 0 ? "; " : "")}{refuses}";
    }

    // The name is in front of the first only.
    private static void Lines(string name, IEnumerable<string> texts, PlainOutput output)
    {
        foreach (var text in texts)
        {
            Line(name, text, output);
            name = "";
        }
    }

    private static void Line(string name, string text, PlainOutput output) => output.Line($"  {name,-8}  {text}");

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
