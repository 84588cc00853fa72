using System.CommandLine;

namespace SmtpShield.Host.Commands;

/// <summary><c>smtpshield limits reset</c>: takes back what was set on the running shield.</summary>
internal static class LimitsResetCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var options = new ControlArguments();
        var names = new Argument<string[]>("name")
        {
            Description = "Parameters; submission/inet/name for the value of one service.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var service = new Option<string?>("--service") { Description = "The values of this service only.", HelpName = "name" };
        var to = new Option<int?>("--to") { Description = "To what was set at this revision; without names everything.", HelpName = "revision" };
        var dryRun = new Option<bool>("--dry-run") { Description = "Print what would change and who is over it, and change nothing." };
        var why = new Option<string?>("--why") { Description = "For the log, at most 200 characters.", HelpName = "text" };
        var command = new Command("reset", "Take back what was set on the running shield.") { names, service, to, dryRun, why };
        command.Validators.Add(result =>
        {
            if (result.GetValue(names) is not [_, ..] && result.GetResult(to) is null)
                result.AddError("Give the names of parameters, or a revision: limits reset NAME, limits reset --to 8.");
        });
        options.AddTo(command);
        command.SetAction((arguments, cancellationToken) =>
        {
            var wanted = (arguments.GetValue(names) ?? []).Select(name => LimitsSetCommand.WrittenName(name, arguments.GetValue(service))).ToList();
            return new ControlQuestion(options).AskAsync(
                arguments,
                HttpMethod.Post,
                LimitsCommand.Resource,
                LimitsSetCommand.Json(new(
                    Reset: wanted.Count > 0 ? wanted : null, To: arguments.GetValue(to), DryRun: arguments.GetValue(dryRun), Why: arguments.GetValue(why))),
                static (text, output) => LimitsOutput.Print(text, static revision => $"revision {revision}", goesOn: false, output),
                cancellationToken);
        });
        return command;
    }
}
