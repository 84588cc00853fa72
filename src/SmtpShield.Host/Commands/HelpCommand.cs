using System.CommandLine;

namespace SmtpShield.Host.Commands;

/// <summary><c>smtpshield help [command]</c>: what <c>--help</c> says, for those who type it so.</summary>
internal static class HelpCommand
{
    /// <summary>Makes the command.</summary>
    /// <param name="root">The program's commands.</param>
    public static Command Create(RootCommand root)
    {
        var name = new Argument<string?>("command") { Description = "The command to describe.", Arity = ArgumentArity.ZeroOrOne };
        name.AcceptOnlyFromAmong([.. root.Subcommands.Select(static subcommand => subcommand.Name)]);
        var command = new Command("help", "Describe the program, or a command.") { name };
        command.SetAction((arguments, cancellationToken) => root.Parse(arguments.GetValue(name) is { } about ? [about, "--help"] : ["--help"])
            .InvokeAsync(arguments.InvocationConfiguration, cancellationToken));
        return command;
    }
}
