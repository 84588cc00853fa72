using SmtpShield.PostfixConf.Files;

namespace SmtpShield.Options;

/// <summary>A file whose first line is a password, and that nobody else may read.</summary>
internal static class PasswordFile
{
    /// <summary>What the mode of a file with secrets must not have.</summary>
    public const UnixFileMode TooWide = UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.GroupWrite;

    /// <summary>Why it can't be used; empty: it can.</summary>
    public static string WhyNot(string path)
    {
        if (RegularFile.WhyNot(path) is { Length: > 0 } whyNot)
            return whyNot;
        if (!File.Exists(path))
            return "No such file or directory";
        return !OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & TooWide) != 0 ? "others may read or write it" : "";
    }

    /// <summary>Reads the password.</summary>
    /// <returns>Why it can't be read; empty: it was.</returns>
    public static string TryRead(string path, out string password)
    {
        password = "";
        if (WhyNot(path) is { Length: > 0 } whyNot)
            return whyNot;
        if (!ConfigurationText.TryRead(path, out var text, out var error))
            return error;

        password = text.Split('\n')[0].TrimEnd('\r');
        return "";
    }
}
