using System.Diagnostics;
using System.Globalization;

namespace SmtpShield.Host.Commands;

/// <summary>Which files the service's user can use, found out as that user: modes, groups and access lists count, all but what a unit adds or takes.</summary>
internal static class ReadableBy
{
    // "test" asks the kernel, as the one who runs it.
    private const string Script = """test=$1; shift; for path; do test "$test" "$path" || printf '%s\0' "$path"; done""";

    private const string Identifier = "/usr/bin/id";
    private const string SetPriv = "/usr/bin/setpriv";

    /// <summary>Whether there is such a user on this host.</summary>
    public static bool Exists(string user) => OperatingSystem.IsLinux() && GroupOf(user) is not null;

    /// <summary>Whether this process can find out: it is that user, or root.</summary>
    public static bool CanTell(string user) => Environment.UserName == user || (Environment.IsPrivilegedProcess && File.Exists(SetPriv));

    /// <summary>Those of the paths that the user can't read.</summary>
    public static IReadOnlyList<string> Unreadable(string user, IEnumerable<string> paths) => Failing(user, "-r", paths);

    /// <summary>Those of the paths that the user can't write.</summary>
    public static IReadOnlyList<string> Unwritable(string user, IEnumerable<string> paths) => Failing(user, "-w", paths);

    /// <summary>The first directory on the way to a file that the user can't enter; <see langword="null"/>: all of them can be entered.</summary>
    public static string? Barrier(string user, string path)
    {
        var above = new List<string>();
        for (var directory = Path.GetDirectoryName(Path.GetFullPath(path)); directory is not null; directory = Path.GetDirectoryName(directory))
            above.Insert(0, directory);
        return Failing(user, "-x", above).FirstOrDefault();
    }

    private static string[] Failing(string user, string test, IEnumerable<string> paths)
    {
        string[] shell = ["sh", "-c", Script, "sh", test, .. paths.Select(Path.GetFullPath).Distinct()];
        string[] command = Environment.UserName == user ? shell : [SetPriv, "--reuid", user, "--regid", GroupOf(user)!, "--init-groups", .. shell];
        return Run(command).Split('\0', StringSplitOptions.RemoveEmptyEntries);
    }

    // In a container there may be no such program, and whoever asks is the service's user.
    private static string? GroupOf(string user) =>
        File.Exists(Identifier) && Run([Identifier, "-g", "--", user]).Trim() is { Length: > 0 } group
            && int.TryParse(group, NumberStyles.None, CultureInfo.InvariantCulture, out _)
            ? group
            : null;

    private static string Run(string[] command)
    {
        using var process = Process.Start(
            new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/" })!;
        process.ErrorDataReceived += static (_, _) => { };
        process.BeginErrorReadLine();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return output;
    }
}
