using System.Diagnostics;

namespace SmtpShield.PostfixTests.Options;

/// <summary>Runs Postfix's own postconf(1) on a directory.</summary>
internal static class RealPostconf
{
    private const string Program = "/usr/sbin/postconf";

    /// <summary>Whether it is installed.</summary>
    public static bool IsInstalled => File.Exists(Program);

    /// <summary>Runs it.</summary>
    public static PostconfOutcome Run(string directory, IEnumerable<string> arguments)
    {
        // Postfix reads a file again and again until it is older than a second: it might be half written.
        var file = Path.Combine(directory, "main.cf");
        if (File.Exists(file))
            File.SetLastWriteTimeUtc(file, DateTime.UnixEpoch);
        var start = new ProcessStartInfo(Program) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in (string[])["-c", directory, .. arguments])
            start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        // Postfix gives the path it was started with.
        return new PostconfOutcome(process.ExitCode, output, error.GetAwaiter().GetResult().Replace(Program, "postconf", StringComparison.Ordinal));
    }
}
