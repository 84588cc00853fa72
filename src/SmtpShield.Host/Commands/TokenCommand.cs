using System.CommandLine;
using SmtpShield.Control.Admin;

namespace SmtpShield.Host.Commands;

/// <summary><c>smtpshield token</c>: makes a line of the users file for a program. It needs no running shield.</summary>
internal static class TokenCommand
{
    private const long Longest = 3650L * 24 * 3600;

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var name = UserArguments.Name();
        var role = UserArguments.Role();
        var duration = new DurationOption("How long it may be used, as in 90d.") { Required = true };
        var command = new Command("token", "Print the line of a token for shield_admin_users_file, and on standard error the token itself.")
        {
            name, role, duration,
        };
        command.SetAction(arguments =>
        {
            if (arguments.GetValue(duration) is not { } seconds || seconds is < 1 or > Longest)
            {
                arguments.InvocationConfiguration.Error.WriteLine($"smtpshield: --for is out of range (a token lasts at most {Longest / 24 / 3600}d)");
                return ControlQuestion.Refused;
            }

            var end = TimeProvider.System.GetUtcNow().AddSeconds(seconds);
            arguments.InvocationConfiguration.Output.WriteLine(
                AdminUser.WithToken(arguments.GetValue(name)!, UserArguments.RoleOf(arguments, role), end, out var token));
            arguments.InvocationConfiguration.Error.WriteLine($"token, shown only now: {token}");
            return ControlQuestion.Done;
        });
        return command;
    }
}
