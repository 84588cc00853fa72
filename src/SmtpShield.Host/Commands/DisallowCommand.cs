using System.CommandLine;
using System.Text.Json;
using SmtpShield.Control;
using SmtpShield.Control.Changes;

namespace SmtpShield.Host.Commands;

/// <summary><c>smtpshield disallow</c>: ends what <c>allow</c> began.</summary>
internal static class DisallowCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var options = new ControlArguments();
        var prefix = new Argument<string>("prefix") { Description = "An address or a network, as in allow --list." };
        var why = new Option<string?>("--why") { Description = "For the log, at most 200 characters.", HelpName = "text" };
        var command = new Command("disallow", "End an exemption that allow has made, or release --for.") { prefix, why };
        options.AddTo(command);
        command.SetAction((arguments, cancellationToken) => new ControlQuestion(options).AskAsync(
            arguments,
            HttpMethod.Delete,
            ResourceQuery.Of("v1/exemptions", ("prefix", arguments.GetValue(prefix))),
            JsonSerializer.Serialize(new ChangeRequest(arguments.GetValue(why)), RequestJson.Default.ChangeRequest),
            Print,
            cancellationToken));
        return command;
    }

    private static void Print(string text, PlainOutput output)
    {
        var list = JsonSerializer.Deserialize(text, ControlJson.Default.ExemptionList)!;
        foreach (var exemption in list.Exemptions)
            output.Line($"{exemption.Prefix} is not exempt any more");
        foreach (var note in list.Notes)
            output.Line($"note: {note}");
    }
}
