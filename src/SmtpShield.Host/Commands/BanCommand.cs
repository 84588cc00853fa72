using System.CommandLine;
using System.Text.Json;
using SmtpShield.Control;
using SmtpShield.Control.Banning;

namespace SmtpShield.Host.Commands;

/// <summary><c>smtpshield ban</c>: clients that may not connect for a while.</summary>
internal static class BanCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var options = new ControlArguments();
        var prefix = new Argument<string>("prefix") { Description = "An address or a network." };
        var duration = new DurationOption("How long, at most 30d; otherwise shield_ban_time_limit.");
        var wide = new Option<bool>("--wide") { Description = "It may be wider than /16 or, of IPv6, /32." };
        var why = new Option<string?>("--why") { Description = "For the log and the list, at most 200 characters.", HelpName = "text" };
        var command = new Command("ban", "Refuse all connections of clients for a while.") { prefix, duration, wide, why };
        options.AddTo(command);
        command.SetAction((arguments, cancellationToken) => new ControlQuestion(options).AskAsync(
            arguments,
            HttpMethod.Post,
            BansCommand.Resource,
            JsonSerializer.Serialize(
                new BanRequest(
                    arguments.GetValue(prefix), arguments.GetValue(duration), arguments.GetValue(wide), LoggedInFrom(), arguments.GetValue(why)),
                RequestJson.Default.BanRequest),
            Print,
            cancellationToken));
        return command;
    }

    // sshd(8): the address, a blank, and ports. Nobody means to lock himself out.
    private static string? LoggedInFrom() =>
        Environment.GetEnvironmentVariable("SSH_CONNECTION")?.Split(' ') is [{ Length: > 0 } address, ..] ? address : null;

    private static void Print(string text, PlainOutput output)
    {
        var list = JsonSerializer.Deserialize(text, ControlJson.Default.BanList)!;
        foreach (var ban in list.Bans)
            output.Line($"{ban.Prefix} is banned until {output.Time(ban.Until)}");
        foreach (var note in list.Notes)
            output.Line($"note: {note}");
    }
}
