using System.CommandLine;
using System.Text.Json;
using SmtpShield.Control;
using SmtpShield.Control.Changes;

namespace SmtpShield.Host.Commands;

/// <summary><c>smtpshield upgrade</c>: the program that is installed now takes over from the running shield.</summary>
internal static class UpgradeCommand
{
    // Above what the shield gives a successor to start in: 60 s to read the configuration, 30 s to start, 30 s to serve.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var options = new ControlArguments();
        var why = new Option<string?>("--why") { Description = "For the log, at most 200 characters.", HelpName = "text" };
        var command = new Command("upgrade", "Let the program that is installed now take over from the running shield, without a gap.") { why };
        options.AddTo(command);
        command.SetAction((arguments, cancellationToken) => new ControlQuestion(options, Patience).AskAsync(
            arguments,
            HttpMethod.Post,
            "v1/upgrade",
            JsonSerializer.Serialize(new ChangeRequest(arguments.GetValue(why)), RequestJson.Default.ChangeRequest),
            Print,
            cancellationToken));
        return command;
    }

    private static void Print(string text, PlainOutput output)
    {
        var report = JsonSerializer.Deserialize(text, ControlJson.Default.UpgradeReport)!;
        output.Line($"process {report.Process} (version {report.Version}) has taken over from process {report.Before} (version {report.VersionBefore})");
        if (report.Finishing > 0)
            output.Line($"process {report.Before} finishes {(report.Finishing == 1 ? "1 connection" : $"{report.Finishing} connections")}, and ends");
    }
}
