using System.CommandLine;
using SmtpShield.Configuration;

namespace SmtpShield.Host.Commands;

/// <summary>The arguments every command that reads the configuration takes.</summary>
internal static class ConfigurationArguments
{
    /// <summary><c>-c FILE</c>.</summary>
    public static Option<string> File() => new("-c", "--config")
    {
        Description = "The configuration file, or a directory with a main.cf.",
        HelpName = "file",
        DefaultValueFactory = _ => ShieldConfiguration.DefaultPath,
    };

    /// <summary><c>-o name=value</c>, any number of times; the last of a name wins.</summary>
    public static Option<string[]> Overrides() => new("-o")
    {
        Description = "Override a parameter.",
        HelpName = "name=value",
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
    };
}
