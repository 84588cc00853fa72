using SmtpShield.Observe;
using SmtpShield.Options;
using SmtpShield.PostfixConf;

namespace SmtpShield.Host.Commands;

/// <summary>Whether <c>maillog_file</c> can be made: its directory is there. <c>run</c> makes the file, not the directory.</summary>
internal static class LogPlace
{
    // LogsDirectory= of the unit in deploy/systemd makes it at each start.
    private const string DirectoryOfUnit = "/var/log/smtpshield";

    /// <summary>What to say.</summary>
    public static IEnumerable<ConfigurationProblem> ProblemsOf(LogOptions options)
    {
        if (options.MaillogFile.Length == 0)
            yield break;
        var directory = Path.GetDirectoryName(Path.GetFullPath(options.MaillogFile));
        if (Directory.Exists(options.MaillogFile))
            yield return Problem(ProblemSeverity.Error, new UnauthorizedAccessException());
        else if (!Directory.Exists(directory))
            yield return Problem(directory == DirectoryOfUnit ? ProblemSeverity.Note : ProblemSeverity.Error, new DirectoryNotFoundException());

        ConfigurationProblem Problem(ProblemSeverity severity, Exception reason) =>
            new(severity, new SourceLocation(options.MaillogFile), "maillog_file",
                $"maillog_file: {new MaillogFileException(options.MaillogFile, reason).Message}", severity == ProblemSeverity.Note ? "systemd makes it" : "");
    }
}
