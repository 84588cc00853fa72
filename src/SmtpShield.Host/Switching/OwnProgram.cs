using SmtpShield.PostfixConf.Files;

namespace SmtpShield.Host.Switching;

/// <summary>How this program is started once more, as it was when this was made: later its file may be another one, or none.</summary>
internal sealed class OwnProgram
{
    private const string Name = "smtpshield";

    private readonly UnixFileIdentity? _identity;

    /// <summary>Looks at what was started.</summary>
    public OwnProgram()
    {
        Command = [.. Words, .. Environment.GetCommandLineArgs().Skip(1)];
        _identity = IdentityOf(Words[^1]);
    }

    /// <summary>The words before its arguments: the program, or the runtime and the assembly where it was started that way.</summary>
    public static IReadOnlyList<string> Words { get; } = WordsOfThisProcess();

    /// <summary>All words of the command line.</summary>
    public IReadOnlyList<string> Command { get; }

    /// <summary>Whether another file stands at its place now: another version was installed.</summary>
    public bool IsReplaced => _identity is { } identity && IdentityOf(Words[^1]) is { } now && now != identity;

    // As it was started, where that is a path: what a link leads to may be another file the next time.
    private static IReadOnlyList<string> WordsOfThisProcess() =>
        Environment.ProcessPath is not { } path || Path.GetFileNameWithoutExtension(path) != Name
            ? [Environment.ProcessPath ?? "dotnet", Path.Combine(AppContext.BaseDirectory, Name + ".dll")]
            : Environment.GetCommandLineArgs() is [var first, ..] && Path.IsPathRooted(first) && Path.GetFileName(first) == Name && File.Exists(first)
                ? [first]
                : [path];

    private static UnixFileIdentity? IdentityOf(string path)
    {
        try
        {
            return UnixFile.TryIdentify(File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path, out var identity) ? identity : null;
        }
        catch (IOException)
        {
            return null;
        }
    }
}
