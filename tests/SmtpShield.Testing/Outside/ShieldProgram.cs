namespace SmtpShield.Testing.Outside;

/// <summary>
/// The program as tests start it: the one compiled ahead of time, as it is installed, where <c>SMTPSHIELD_TEST_PROGRAM</c> names it, which tests/run sets; else
/// the build's, by <c>dotnet</c>.
/// </summary>
public static class ShieldProgram
{
    private static readonly string? s_native = Environment.GetEnvironmentVariable("SMTPSHIELD_TEST_PROGRAM") is { Length: > 0 } path ? path : null;

    /// <summary>The build's program and what starts it, whatever else is there.</summary>
    public static IReadOnlyList<string> Built { get; } = ["dotnet", System.IO.Path.Combine(AppContext.BaseDirectory, "smtpshield.dll")];

    /// <summary>Whether it is the one compiled ahead of time.</summary>
    public static bool IsNative => s_native is not null;

    /// <summary>The one compiled ahead of time, in the directory it was published to; null: there is none.</summary>
    public static string? PublishedPath => s_native;

    /// <summary>What starts it, without arguments of its own.</summary>
    public static IReadOnlyList<string> Command { get; } = s_native is null ? Built : [s_native];

    /// <summary>The file that is the program.</summary>
    public static string Path => Command[^1];

    /// <summary>Starts it.</summary>
    public static OutsideProcess Start(IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null) =>
        OutsideProcess.Start(Command[0], [.. Command.Skip(1), .. arguments], environment: environment);

    /// <summary>Runs it to its end, within <paramref name="limit"/>.</summary>
    public static Task<(int ExitCode, string Output)> RunAsync(IEnumerable<string> arguments, TimeSpan limit, CancellationToken cancellationToken) =>
        OutsideProcess.RunAsync(Command[0], [.. Command.Skip(1), .. arguments], limit, cancellationToken);
}
