using System.CommandLine;

namespace SmtpShield.Host.Commands;

/// <summary><c>--for 1h</c>: how long something lasts, in seconds.</summary>
internal sealed class DurationOption : Option<long?>
{
    /// <summary>Makes the option.</summary>
    public DurationOption(string description)
        : base("--for")
    {
        Description = description;
        HelpName = "time";
        CustomParser = static result =>
        {
            if (CommandDuration.Read(result.Tokens[0].Value) is { } seconds)
                return seconds;
            result.AddError($"bad time: {result.Tokens[0].Value} (write a whole number and one of s, m, h, d, w, as in 1h)");
            return null;
        };
    }
}
