namespace SmtpShield.Host.Switching;

/// <summary>How this program is started once more.</summary>
internal static class OwnProgram
{
    /// <summary>The words before its arguments: the program, or the runtime and the assembly where it was started that way.</summary>
    public static IReadOnlyList<string> Words =>
        Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "smtpshield"
            ? [path]
            : [Environment.ProcessPath ?? "dotnet", Path.Combine(AppContext.BaseDirectory, "smtpshield.dll")];
}
