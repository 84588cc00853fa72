using System.CommandLine;
using SmtpShield.Host.Manual;

namespace SmtpShield.Host.Commands;

/// <summary><c>smtpshield man 1|5</c>: the manual pages, made of the commands and parameters there are, for man(1).</summary>
internal static class ManCommand
{
    /// <summary>Makes the command.</summary>
    /// <param name="root">The program's commands, this one included.</param>
    public static Command Create(RootCommand root)
    {
        var section = new Argument<string>("section") { Description = "1: smtpshield(1), the commands; 5: smtpshield.cf(5), the parameters." };
        section.AcceptOnlyFromAmong("1", "5");
        var command = new Command("man", "Print a manual page as roff, for man -l - or to be installed.") { section };
        command.SetAction(async (arguments, _) =>
        {
            await arguments.InvocationConfiguration.Output.WriteAsync(arguments.GetValue(section) == "1" ? CommandsManual.Of(root) : ParametersManual.Page());
            return 0;
        });
        return command;
    }
}
