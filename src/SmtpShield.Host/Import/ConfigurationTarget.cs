namespace SmtpShield.Host.Import;

/// <summary>A file that a configuration is to be written to.</summary>
internal static class ConfigurationTarget
{
    /// <summary>Why it is not written; empty: it may be.</summary>
    /// <param name="target">The file.</param>
    /// <param name="isForced">Whether a file there is replaced.</param>
    /// <param name="remedy">What to do where it is no file.</param>
    public static string WhyNot(string target, bool isForced, string remedy)
    {
        if (Directory.Exists(target))
            return $"{target}: is a directory; name a file in it";
        // A device or a pipe would be replaced by a file of its name.
        if (Path.GetFullPath(target).StartsWith("/dev/", StringComparison.Ordinal))
            return $"{target}: is not a regular file; {remedy}";
        return File.Exists(target) && !isForced && !SampleConfiguration.Is(target)
            ? $"{target}: exists already and was left as it is; give another name, or --force to replace it"
            : "";
    }
}
