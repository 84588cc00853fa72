using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using SmtpShield.Control;
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
        output.Line($"{address}  {(explanation.Name is { } known ? $"{known}  " : "")}{at.Service}  {HeadOf(at, output)}");
        foreach (var rule in at.Rules.Where(static rule => rule.Refuses || rule.Count > 0).OrderByDescending(static rule => rule.Refuses))
        {
            Line("rule", $"{rule.Rule} = {Number(rule.Limit)}{(rule.Origin is { } origin ? $" ({origin})" : "")}", output);
            Line("counted", $"{Number(rule.Count)} {rule.Unit}{WindowOf(at, rule, output)}{EndOf(rule, output)}", output);
        }

        Line("as", at.Client, output);
        if (at.Refused is { } refused)
            Line("refused", $"{(refused == 1 ? "once" : $"{Number(refused)} times")} since {output.Time(at.RefusedSince)}{RulesOf(at)}", output);
        Line("exempt", at.Exempt is { } exempt ? ExemptOf(exempt, output) : "no", output);
        if (at.Shadow is { } shadow)
            Lines("shadow", shadow.Select(one => ShadowOf(one, output)).DefaultIfEmpty("no"), output);
        if (at.Ban is not null || at.BanThreshold is not null)
            Line("ban", BanOf(at, output), output);
        if (at.Accepted is { Messages: var messages } mail)
            Line("accepted", $"{messages} message{(messages == 1 ? "" : "s")}, the last at {output.Time(mail.LastAt)}: it delivers mail here", output);
        Lines("last", at.Events.Count > 0 ? at.Events.Select(noted => EventOf(noted, output)) : _noEvents, output);
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

    private static string RulesOf(ClientAtService at) => at.Refusals is { Count: > 0 } refusals
        ? ": " + string.Join(", ", refusals.Select(static one => string.Create(CultureInfo.InvariantCulture, $"{one.Count} by {one.Rule}"))) : "";

    private static string BanOf(ClientAtService at, PlainOutput output)
    {
        if (at.Ban is { } ban)
        {
            return $"{ban.Prefix} until {output.Time(ban.Until)}: {BansCommand.ReasonOf(ban)}{(ban.Level > 0 ? $", level {Number(ban.Level)}" : "")}"
                + (at.State == ClientState.Banned.Word() ? "" : "; it is exempt, and passes");
        }

        return at.BanThreshold is { } threshold ? $"no ({Number(at.BanHits ?? 0)} of {Number(threshold)} hits)" : "no";
    }

    private static string HeadOf(ClientAtService at, PlainOutput output)
    {
        if (at.State == ClientState.Banned.Word())
            return $"BANNED until {output.Time(at.Until)}";
        if (at.State != ClientState.Limited.Word())
            return at.State == ClientState.Unknown.Word() ? "unknown: nothing is counted of it" : at.State;
        return at.Until is { } until
            ? $"LIMITED until {output.Time(until)} if it does nothing more"
            : $"LIMITED {at.Rules.First(static rule => rule.Ends is not null).Ends}";
    }

    private static string WindowOf(ClientAtService at, ClientRule rule, PlainOutput output) =>
        rule.Rule == "smtpd_client_connection_count_limit" ? ""
        : at.Sliding ? $" within {Number(at.WindowS)}s, by estimate"
        : at.Since is { } since ? $" since {output.Time(since)} in a window of {Number(at.WindowS)}s" : "";

    private static string EndOf(ClientRule rule, PlainOutput output) => !rule.Refuses ? ""
        : $"; the next is refused {(rule.Until is { } until ? $"until {output.Time(until)}" : $"until {rule.Ends!["when ".Length..]}")}";

    private static string ExemptOf(ExemptBy exempt, PlainOutput output) => exempt.Until is { } until
        ? $"until {output.Time(until)}: allow {exempt.Element} by {exempt.By}{(exempt.Why is { } why ? $", {why}" : "")}"
        : $"{exempt.Element} in {exempt.List}";

    private static string EventOf(ClientEventReport noted, PlainOutput output)
    {
        var what = noted.Kind switch
        {
            "error" => $"{Number(noted.Code ?? 0)} to {noted.Verb} from the MTA, error {Number(noted.Count ?? 0)} of its session",
            "released" => "released",
            "forbidden_command" or "pipelining" => $"{Number(noted.Code ?? 0)} {noted.Rule}",
            "handshakes" => $"no handshake: {Number(noted.Count ?? 0)} left unfinished ({noted.Rule})",
            _ => $"{(noted.Code is { } code ? Number(code) : "closed")} {noted.Rule}  {Number(noted.Count ?? 0)} of {Number(noted.Limit ?? 0)}",
        };
        return $"{output.Time(noted.At)}  {what}";
    }

    private static string ShadowOf(ClientInShadow one, PlainOutput output)
    {
        var hits = one.Hits == 0 ? "" : $"hit {(one.Hits == 1 ? "once" : $"{Number(one.Hits)} times")}, in {Number(one.Windows)} "
            + $"{(one.Windows == 1 ? "window" : "windows")}, the last at {output.Time(one.LastAt)}"
            + (one.MessagesAfter == 0 ? "" : $", {Number(one.MessagesAfter)} {(one.MessagesAfter == 1 ? "message" : "messages")} after");
        var refuses = !one.Refuses ? "" : $"the next would be refused until {(one.Until is { } until ? output.Time(until) : one.Ends!["when ".Length..])}";
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
