namespace SmtpShield.Testing;

/// <summary>The files of the repository the tests were built from.</summary>
public static class Repository
{
    /// <summary>The directory of the solution.</summary>
    public static string Root { get; } = Find();

    /// <summary>The full path of a file.</summary>
    /// <param name="path">Relative to <see cref="Root"/>, parts separated by <c>/</c>.</param>
    public static string PathOf(string path) => Path.Combine([Root, .. path.Split('/')]);

    /// <summary>The text of a file.</summary>
    public static string Read(string path) => File.ReadAllText(PathOf(path));

    private static string Find()
    {
        var directory = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(directory, "SmtpShield.sln")))
            directory = Path.GetDirectoryName(directory) ?? throw new DirectoryNotFoundException("SmtpShield.sln");
        return directory;
    }
}
