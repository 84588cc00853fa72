using SmtpShield.PostfixConf.Files;

namespace SmtpShield.Observe;

/// <summary>A file of the log cannot be opened. The message is one line that names the file and the remedy, to be printed as it is.</summary>
internal sealed class MaillogFileException(string path, Exception inner, string parameter = "maillog_file")
    : Exception($"open logfile '{path}': {Reason(path, inner, parameter)}", inner)
{
    private static string Reason(string path, Exception inner, string parameter) => inner switch
    {
        // It would have been made: what is not there is its directory.
        DirectoryNotFoundException or FileNotFoundException =>
            $"No such file or directory; create the directory '{Path.GetDirectoryName(path)}' or change {parameter}",
        _ when RegularFile.WhyNotWritten(path) is { Length: > 0 } whyNot => $"{whyNot}; name a file in {parameter}",
        UnauthorizedAccessException => $"Permission denied; let this user write there or change {parameter}",
        _ => inner.Message.ReplaceLineEndings(" "),
    };
}
