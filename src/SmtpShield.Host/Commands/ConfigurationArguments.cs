using System.CommandLine;
using SmtpShield.Options;
using SmtpShield.PostfixConf;

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

    /// <summary>
    /// What is wrong, with the remedy where the file is not there at all: it is the first thing somebody sees who has just installed the program.
    /// </summary>
    public static ConfigurationProblem WithRemedy(ConfigurationProblem problem, string path)
    {
        var file = ShieldConfiguration.ResolvePath(path);
        return problem is { Hint.Length: 0, Location.Line: 0 } && problem.Location.Source == file && !System.IO.File.Exists(file)
            ? problem with { Hint = $"make one: smtpshield init -o {file}, or for a Postfix smtpshield import /etc/postfix -o {file}; or name yours with -c" }
            : problem;
    }

    /// <summary>What names a configuration in a command that is told to somebody: nothing for the default one.</summary>
    public static string Naming(string path) => path == ShieldConfiguration.DefaultPath ? "" : $" -c {path}";

    /// <summary><c>-o name=value</c>, any number of times; the last of a name wins.</summary>
    public static Option<string[]> Overrides() => new("-o")
    {
        Description = "Override a parameter.",
        HelpName = "name=value",
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
    };
}
