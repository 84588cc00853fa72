using System.CommandLine;
using System.Text.Json;
using SmtpShield.Control;
using SmtpShield.Control.Changes;

namespace SmtpShield.Host.Commands;

/// <summary><c>smtpshield unban</c>: lifts a ban, made by hand or not.</summary>
internal static class UnbanCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var options = new ControlArguments();
        var prefix = new Argument<string>("prefix") { Description = "An address or a network, as in bans." };
        var why = new Option<string?>("--why") { Description = "For the log, at most 200 characters.", HelpName = "text" };
        var command = new Command("unban", "Lift a ban.") { prefix, why };
        options.AddTo(command);
        command.SetAction((arguments, cancellationToken) => new ControlQuestion(options).AskAsync(
            arguments,
            HttpMethod.Delete,
            $"{BansCommand.Resource}/{Uri.EscapeDataString(arguments.GetValue(prefix)!)}",
            JsonSerializer.Serialize(new ChangeRequest(arguments.GetValue(why)), RequestJson.Default.ChangeRequest),
            Print,
            cancellationToken));
        return command;
    }

    private static void Print(string text, PlainOutput output)
    {
        var list = JsonSerializer.Deserialize(text, ControlJson.Default.BanList)!;
        foreach (var ban in list.Bans)
            output.Line($"{ban.Prefix} is not banned any more ({BansCommand.ReasonOf(ban)}, until {output.Time(ban.Until)})");
        foreach (var note in list.Notes)
            output.Line($"note: {note}");
    }
}
