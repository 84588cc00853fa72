using System.Text;
using SmtpShield.PostfixConf.Files;

namespace SmtpShield.Options;

/// <summary>
/// The file in which a running shield says which main.cf it has read and what came of it, for <c>smtpshield postconf -e</c>. It is locked while the shield
/// runs: a file that nobody has locked was left behind by one that was killed.
/// </summary>
/// <remarks>
/// In systemd's <c>RuntimeDirectory=</c>, else in <c>/run/smtpshield</c>; where there is no such directory, or it can't be written, nothing is said.
/// </remarks>
/// <param name="path">The file.</param>
public sealed class ConfigurationStateFile(string path) : IDisposable
{
    private const string Variable = "RUNTIME_DIRECTORY";
    private const string FileName = "configuration";
    private const int MaxProblems = 20;

    private readonly Lock _gate = new();
    private FileStream? _file;
    private ConfigurationState? _state;
    private bool _isLeft;

    /// <summary>Where it is: <c>$RUNTIME_DIRECTORY/configuration</c>, or <c>/run/smtpshield/configuration</c>.</summary>
    public static string PathOfProcess => Path.Combine(
        Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } directories ? directories.Split(':')[0] : DefaultPlaces.RunDirectory, FileName);

    /// <summary>Reads what a running shield says.</summary>
    /// <param name="path">The file.</param>
    /// <returns>Null where no shield runs, or is writing just now.</returns>
    public static ConfigurationState? Read(string path)
    {
        if (!IsLocked(path) || !ConfigurationText.TryRead(path, out var text, out _))
            return null;
        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        // Written in place: without its last line it is not whole.
        return lines is [var configuration, var digest, var outcome, .. var rest, "end"]
            ? new(configuration, digest, outcome.StartsWith("in force", StringComparison.Ordinal), outcome.EndsWith("restart", StringComparison.Ordinal), rest)
            : null;
    }

    /// <summary>Says what came of the file that was read last.</summary>
    public void Write(ConfigurationState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        lock (_gate)
        {
            _state = state;
            _file ??= _isLeft ? null : TryOpen();
            if (_file is not null)
                Write(_file, state);
        }
    }

    /// <summary>Says it where another shield said it until now.</summary>
    public void TakeOver()
    {
        if (_state is { } state)
            Write(state);
    }

    /// <summary>Leaves it to another shield to say so: the file goes, and there is none any more of this process.</summary>
    public void Leave()
    {
        lock (_gate)
        {
            _isLeft = true;
            Close();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
            Close();
    }

    private static void Write(FileStream file, ConfigurationState state)
    {
        var outcome = !state.IsInForce ? "refused" : state.NeedsRestart ? "in force, in part after a restart" : "in force";
        var text = Encoding.UTF8.GetBytes(
            string.Join('\n', [state.Configuration, state.Digest.Length > 0 ? state.Digest : "-", outcome, .. state.Remarks.Take(MaxProblems), "end", ""]));
        try
        {
            file.SetLength(0);
            file.Position = 0;
            file.Write(text);
            file.Flush();
        }
        catch (IOException)
        {
            // A full file system: nobody is told.
        }
    }

    private void Close()
    {
        if (_file is null)
            return;
        try
        {
            File.Delete(_file.Name);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Without its lock it says the same.
        }

        _file.Dispose();
        _file = null;
    }

    // Another shield may have it, or somebody who looks whether one does: then the next time.
    private FileStream? TryOpen()
    {
        try
        {
            if (RegularFile.WhyNot(path).Length > 0)
                return null;
            var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.None };
            if (!OperatingSystem.IsWindows())
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
            return new FileStream(path, options);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static bool IsLocked(string path)
    {
        try
        {
            if (RegularFile.WhyNot(path).Length > 0)
                return false;
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.None);
            return false;
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException)
        {
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }
}
