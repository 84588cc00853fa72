using System.CommandLine;
using System.Text;
using SmtpShield.Control.Admin;

namespace SmtpShield.Host.Commands;

/// <summary><c>smtpshield passwd</c>: makes a line of the users file for somebody who logs in. It needs no running shield.</summary>
internal static class PasswdCommand
{
    private const int Shortest = 8;

    /// <summary>Makes the command.</summary>
    /// <param name="ask">Reads a password; by default from the terminal without showing it, or a line of what is piped in.</param>
    public static Command Create(Func<string, string?>? ask = null)
    {
        var name = UserArguments.Name();
        var role = UserArguments.Role();
        var command = new Command("passwd", "Ask for a password, and print its line for shield_admin_users_file.") { name, role };
        command.SetAction(arguments =>
        {
            var (output, error) = (arguments.InvocationConfiguration.Output, arguments.InvocationConfiguration.Error);
            ask ??= prompt => Ask(prompt, error);
            var password = ask("password: ");
            if (password is not { Length: >= Shortest })
            {
                error.WriteLine($"smtpshield: a password has at least {Shortest} characters (take a sentence)");
                return ControlQuestion.Refused;
            }

            if (!Console.IsInputRedirected && ask("once more: ") != password)
            {
                error.WriteLine("smtpshield: these are two passwords (try again)");
                return ControlQuestion.Refused;
            }

            output.WriteLine(AdminUser.WithPassword(arguments.GetValue(name)!, UserArguments.RoleOf(arguments, role), password));
            return ControlQuestion.Done;
        });
        return command;
    }

    private static string? Ask(string prompt, TextWriter error)
    {
        if (Console.IsInputRedirected)
            return Console.In.ReadLine();
        error.Write(prompt);
        var text = new StringBuilder();
        for (var key = Console.ReadKey(intercept: true); key.Key != ConsoleKey.Enter; key = Console.ReadKey(intercept: true))
        {
            if (key.Key != ConsoleKey.Backspace)
                text.Append(key.KeyChar);
            else if (text.Length > 0)
                text.Length--;
        }

        error.WriteLine();
        return text.ToString();
    }
}
