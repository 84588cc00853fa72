using System.CommandLine;
using SmtpShield.Host.Completion;

namespace SmtpShield.Host.Commands;

/// <summary><c>smtpshield completion bash|zsh|fish</c>: what a shell needs to complete command lines, made of the commands there are.</summary>
internal static class CompletionCommand
{
    /// <summary>Makes the command.</summary>
    /// <param name="root">The program's commands, this one included.</param>
    public static Command Create(RootCommand root)
    {
        var shell = new Argument<string>("shell") { Description = "bash, zsh or fish." };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish");
        var command = new Command("completion", "Print what a shell needs to complete command lines of smtpshield.") { shell };
        command.SetAction((arguments, cancellationToken) =>
        {
            var places = CompletedPlace.AllOf(root);
            return Print(arguments, arguments.GetValue(shell) switch
            {
                "bash" => BashCompletion.Of(places),
                "zsh" => ZshCompletion.Of(places),
                _ => FishCompletion.Of(places),
            });
        });
        return command;
    }

    private static async Task<int> Print(ParseResult arguments, string script)
    {
        await arguments.InvocationConfiguration.Output.WriteAsync(script);
        return 0;
    }
}
