using SmtpShield.PostfixConf.Files;

namespace SmtpShield.Observe;

/// <summary>The <c>maillog_file</c> cannot be opened. The message is one line that names the file and the remedy, to be printed as it is.</summary>
internal sealed class MaillogFileException(string path, Exception inner) : Exception($"open logfile '{path}': {Reason(path, inner)}", inner)
{
    private static string Reason(string path, Exception inner) => inner switch
    {
        // It would have been made: what is not there is its directory.
        DirectoryNotFoundException or FileNotFoundException =>
            $"No such file or directory; create the directory '{Path.GetDirectoryName(path)}' or change maillog_file",
        _ when RegularFile.WhyNotWritten(path) is { Length: > 0 } whyNot => $"{whyNot}; name a file in maillog_file",
        UnauthorizedAccessException => "Permission denied; let this user write there or change maillog_file",
        _ => inner.Message.ReplaceLineEndings(" "),
    };
}
