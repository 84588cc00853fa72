using System.CommandLine;
using SmtpShield.Control.Admin;

namespace SmtpShield.Host.Commands;

/// <summary>What makes a line of the users file: a name, and what it may do.</summary>
internal static class UserArguments
{
    /// <summary>The argument with the name.</summary>
    public static Argument<string> Name()
    {
        var name = new Argument<string>("name") { Description = "Letters, digits and . _ @ -, at most 64." };
        name.Validators.Add(static result =>
        {
            if (result.Tokens is [var token] && !AdminUser.IsName(token.Value))
                result.AddError($"bad name: {token.Value} (write letters, digits and . _ @ -, at most {AdminUser.LongestName})");
        });
        return name;
    }

    /// <summary>The option with the role.</summary>
    public static Option<string> Role()
    {
        var role = new Option<string>("--role") { Description = "view may look, operate may do everything.", HelpName = "role", Required = true };
        role.AcceptOnlyFromAmong("view", "operate");
        return role;
    }

    /// <summary>The role that was given.</summary>
    public static AdminRole RoleOf(ParseResult arguments, Option<string> role) => AdminUser.RoleOf(arguments.GetValue(role)!)!.Value;
}
