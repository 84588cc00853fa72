using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using SmtpShield.Control;
using SmtpShield.Control.Clients;

namespace SmtpShield.Host.Commands;

/// <summary><c>smtpshield release</c>: lets a client in.</summary>
internal static class ReleaseCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var options = new ControlArguments();
        var address = new Argument<string>("address") { Description = "The client's address." };
        var service = new Option<string?>("--service") { Description = "Only at this service.", HelpName = "name" };
        var duration = new DurationOption("Also exempt it from all limits for so long, at every service.");
        var why = new Option<string?>("--why") { Description = "For the log, at most 200 characters.", HelpName = "text" };
        var command = new Command("release", "Let a client in: what is counted of it starts again at 0.") { address, service, duration, why };
        options.AddTo(command);
        command.SetAction((arguments, cancellationToken) => new ControlQuestion(options).AskAsync(
            arguments,
            HttpMethod.Post,
            $"v1/clients/{Uri.EscapeDataString(arguments.GetValue(address)!)}/release",
            JsonSerializer.Serialize(
                new ReleaseRequest(arguments.GetValue(service), arguments.GetValue(duration), arguments.GetValue(why)), RequestJson.Default.ReleaseRequest),
            (text, output) =>
            {
                var report = JsonSerializer.Deserialize(text, ControlJson.Default.ReleaseReport)!;
                if (output is not null)
                    Print(report, output);
                return report.Ban is null ? ControlQuestion.Done : ControlQuestion.Refused;
            },
            cancellationToken));
        return command;
    }

    /// <summary>Prints an answer.</summary>
    public static void Print(string text, PlainOutput output) => Print(JsonSerializer.Deserialize(text, ControlJson.Default.ReleaseReport)!, output);

    private static void Print(ReleaseReport report, PlainOutput output)
    {
        foreach (var at in report.Services)
        {
            output.Line($"{at.Service}: counters of {CountedAs.Text(at.Client)} set to 0 ({at.Before.Describe()})"
                + (at.Before.Open > 0 ? $", {Count(at.Before.Open, "connection")} {(at.Before.Open == 1 ? "stays" : "stay")} open" : ""));
            if (at.Ends is { } ends)
                output.Line($"{at.Service}: it has as many connections open as it may: it may connect again {ends}");
        }

        foreach (var lifted in report.Lifted ?? [])
            output.Line($"{lifted.Prefix} is not banned any more ({BansCommand.ReasonOf(lifted)}, until {output.Time(lifted.Until)})");
        if (report is { Ban: null, Lifted: null })
            output.Line($"bans: none covered it{(report.Services.All(static at => at.Ends is null) ? "; it may connect now" : "")}");
        if (report.Ban is { } still)
            output.Line($"{still.Prefix} is banned until {output.Time(still.Until)}, and covers it: smtpshield unban {still.Prefix}, or release with --for");
        if (report.Exemption is { } exemption)
            output.Line($"{exemption.Prefix} is exempt until {output.Time(exemption.Until)}");
        foreach (var note in report.Notes)
            output.Line($"note: {note}");
    }

    private static string Count(int count, string noun) => string.Create(CultureInfo.InvariantCulture, $"{count} {noun}{(count == 1 ? "" : "s")}");
}
