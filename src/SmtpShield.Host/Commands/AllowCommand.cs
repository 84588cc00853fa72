using System.CommandLine;
using System.Text.Json;
using SmtpShield.Control;
using SmtpShield.Control.Exempt;

namespace SmtpShield.Host.Commands;

/// <summary><c>smtpshield allow</c>: clients that are not limited for a while.</summary>
internal static class AllowCommand
{
    private const string Resource = "v1/exemptions";

    private static readonly string[] _head = ["PREFIX", "SINCE", "UNTIL", "BY"];

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var options = new ControlArguments();
        var prefix = new Argument<string?>("prefix") { Description = "An address or a network.", Arity = ArgumentArity.ZeroOrOne };
        var duration = new DurationOption("How long, at most 30d.");
        var why = new Option<string?>("--why") { Description = "For the log and the list, at most 200 characters.", HelpName = "text" };
        var list = new Option<bool>("--list") { Description = "Print who is exempt, and until when." };
        var command = new Command("allow", "Exempt clients from all limits for a while, or print who is.") { prefix, duration, why, list };
        command.Validators.Add(result =>
        {
            var isNamed = result.GetValue(prefix) is not null;
            if (result.GetValue(list) ? result.GetResult(duration) is not null || result.GetResult(why) is not null
                : !isNamed || result.GetResult(duration) is null)
            {
                result.AddError("Give a prefix and how long: allow 192.0.2.7 --for 1d; or --list.");
            }
        });
        options.AddTo(command);
        command.SetAction((arguments, cancellationToken) => arguments.GetValue(list)
            ? new ControlQuestion(options).AskAsync(
                arguments, HttpMethod.Get, ResourceQuery.Of(Resource, ("prefix", arguments.GetValue(prefix))), change: null, PrintList, cancellationToken)
            : new ControlQuestion(options).AskAsync(
                arguments,
                HttpMethod.Post,
                Resource,
                JsonSerializer.Serialize(
                    new ExemptionRequest(arguments.GetValue(prefix), arguments.GetValue(duration), arguments.GetValue(why)),
                    RequestJson.Default.ExemptionRequest),
                PrintChange,
                cancellationToken));
        return command;
    }

    private static void PrintList(string text, PlainOutput output) => output.Table(
        _head, JsonSerializer.Deserialize(text, ControlJson.Default.ExemptionList)!.Exemptions.Select(exemption => (string[])[
            exemption.Prefix, output.Time(exemption.Since), output.Time(exemption.Until),
            exemption.Why is { } why ? $"{exemption.By}: {why}" : exemption.By]));

    private static void PrintChange(string text, PlainOutput output)
    {
        var list = JsonSerializer.Deserialize(text, ControlJson.Default.ExemptionList)!;
        foreach (var exemption in list.Exemptions)
            output.Line($"{exemption.Prefix} is exempt until {output.Time(exemption.Until)}");
        foreach (var note in list.Notes)
            output.Line($"note: {note}");
    }
}
