using System.CommandLine;
using SmtpShield.Options;
using SmtpShield.PostfixConf;

namespace SmtpShield.Host.Commands;

/// <summary>The options of the commands that talk to a running shield.</summary>
internal sealed class ControlArguments
{
    private const string Parameter = "shield_control_socket";

    private readonly Option<string> _file = ConfigurationArguments.File();

    private readonly Option<string?> _socket = new("--socket")
    {
        Description = "The running shield's control socket; otherwise the one its configuration names.",
        HelpName = "path",
    };

    private readonly Option<bool> _json = new("--json") { Description = "Print the shield's answer as it is." };
    private readonly Option<bool> _utc = new("--utc") { Description = "Print times in UTC instead of local time." };

    /// <summary>Gives a command these options.</summary>
    public void AddTo(Command command)
    {
        command.Options.Add(_file);
        command.Options.Add(_socket);
        command.Options.Add(_json);
        command.Options.Add(_utc);
    }

    /// <summary>Whether the answer is to be printed as it is.</summary>
    public bool IsJson(ParseResult arguments) => arguments.GetValue(_json);

    /// <summary>How times are printed.</summary>
    public TimeZoneInfo ZoneOf(ParseResult arguments) => arguments.GetValue(_utc) ? TimeZoneInfo.Utc : TimeProvider.System.LocalTimeZone;

    /// <summary>The configuration file, in full.</summary>
    public string FileOf(ParseResult arguments) => Path.GetFullPath(ShieldConfiguration.ResolvePath(arguments.GetValue(_file)!));

    /// <summary>Where the shield is asked.</summary>
    /// <returns>The socket and nothing, or why there is none.</returns>
    public (string Path, string WhyNot) SocketOf(ParseResult arguments)
    {
        if (arguments.GetValue(_socket) is { Length: > 0 } given)
            return (Path.GetFullPath(given), "");
        var configuration = new ShieldConfiguration(arguments.GetValue(_file)!, []);
        // A file nobody has named need not be there, or readable for whom the socket is: the shield may have been started without.
        var isNamed = arguments.GetResult(_file) is { Implicit: false };
        if (isNamed && configuration.File.Problems.FirstOrDefault(static problem => problem is
            { Severity: ProblemSeverity.Error, Location.Line: 0 }) is { } problem)
        {
            return ("", problem.ToString());
        }

        var (text, error) = configuration.Parameters.Expand(configuration.Parameters.Find(Parameter) ?? "");
        return error.Length > 0 ? ("", $"{Parameter}: {error}")
            : text.Length == 0 ? ("", $"{Parameter} is empty in {configuration.Path}: this shield can't be asked (set it, or name a socket with --socket)")
            : (text, "");
    }
}
