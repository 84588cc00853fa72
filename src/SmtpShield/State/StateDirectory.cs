using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SmtpShield.Options;

namespace SmtpShield.State;

/// <summary>
/// The directory of <c>shield_state_directory</c>, where the shield keeps over a restart what it was told and has learned. One shield at a time has it, by a
/// lock on a file in it; without one that can be used nothing is kept, and mail goes on. A shield that takes over from another one is given what would be in
/// the files, and has the directory when that leaves it.
/// </summary>
internal sealed partial class StateDirectory : IHostedService, IDisposable
{
    private const string LockName = "lock";

    // errno(3), EROFS, which .NET hands on.
    private const int ReadOnlyFileSystem = 30;

    private static readonly TimeSpan s_betweenWarnings = TimeSpan.FromMinutes(1);

    private readonly ILogger _log;
    private readonly AtMostOnce _warnings;
    private readonly string _configured;
    private readonly List<StateFile> _files = [];
    private FileStream? _lock;
    private string? _path;

    /// <summary>Takes the directory, if it is there and nobody else has it.</summary>
    /// <param name="snapshot">The options to start with.</param>
    /// <param name="time">The clock.</param>
    /// <param name="log">The log.</param>
    /// <param name="given">What the shield before this one has given; null: there was none, and the directory is taken now.</param>
    public StateDirectory(ShieldSnapshot snapshot, TimeProvider time, ILogger<StateDirectory> log, GivenState? given = null)
    {
        Time = time;
        _log = log;
        _warnings = new(time, s_betweenWarnings);
        _configured = snapshot.Current.Control.StateDirectory;
        Given = given;
        if (given is null)
            TryTake();
    }

    /// <summary>Where it is; null: nothing is kept.</summary>
    public string? Path => Volatile.Read(ref _path);

    /// <summary>What the shield before this one has given.</summary>
    public GivenState? Given { get; }

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; }

    /// <summary>A file in it. To be called once for each, before the host starts or while it does.</summary>
    /// <param name="name">Its name: a word.</param>
    /// <param name="lines">What is to be in it, asked for at each writing; a line has no line end.</param>
    public StateFile Open(string name, Func<IEnumerable<string>> lines)
    {
        var file = new StateFile(this, name, lines);
        lock (_files)
            _files.Add(file);
        return file;
    }

    /// <summary>Everything that is to be kept, as it is now: the lines of each file, whether there is a directory or not.</summary>
    public IEnumerable<(string Name, IEnumerable<string> Lines)> Everything() => Files().Select(static file => (file.Name, file.Lines));

    /// <summary>Leaves the directory to a successor. Nothing is written any more.</summary>
    public void Leave()
    {
        Volatile.Write(ref _path, null);
        foreach (var file in Files())
            file.WaitUntilWritten();
        _lock?.Dispose();
    }

    /// <summary>Takes the directory that another shield has left, and writes everything.</summary>
    public void TakeOver()
    {
        TryTake();
        foreach (var file in Files())
            file.NoteChange();
    }

    /// <summary>Says that something is not kept, or was not read, once a minute.</summary>
    public void Warn(string path, string reason)
    {
        if (_warnings.IsDue())
            Tell(path, reason);
    }

    /// <summary>The same of what happens once at most, however much was said before.</summary>
    public void Tell(string path, string reason) => Unkept(_log, path, reason);

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Writes what has changed.</summary>
    public Task StopAsync(CancellationToken cancellationToken)
    {
        foreach (var file in Files())
            file.SaveChange();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public void Dispose() => _lock?.Dispose();

    private StateFile[] Files()
    {
        lock (_files)
            return [.. _files];
    }

    private void TryTake()
    {
        if (_configured.Length == 0)
            return;
        if (!Directory.Exists(_configured))
        {
            Missing(_log, _configured);
            return;
        }

        _lock = TryLock(_configured, out var reason);
        if (_lock is null)
            Unusable(_log, _configured, reason);
        else
            Volatile.Write(ref _path, _configured);
    }

    private static FileStream? TryLock(string directory, out string reason)
    {
        reason = "";
        try
        {
            var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.None };
            if (!OperatingSystem.IsWindows())
                options.UnixCreateMode = StateFile.Mode;
            return new(System.IO.Path.Combine(directory, LockName), options);
        }
        catch (UnauthorizedAccessException exception)
        {
            reason = exception.Message;
        }
        catch (IOException exception) when (exception.HResult == ReadOnlyFileSystem)
        {
            reason = "the file system is read-only";
        }
        catch (IOException)
        {
            reason = "another shield has it: give each its own shield_state_directory";
        }

        return null;
    }

    [LoggerMessage(2152, LogLevel.Information, "no directory {Path} (shield_state_directory): what is told to the shield is forgotten when it ends")]
    private static partial void Missing(ILogger logger, string path);

    [LoggerMessage(2153, LogLevel.Warning, "{Path} (shield_state_directory): {Reason}; what is told to the shield is forgotten when it ends")]
    private static partial void Unusable(ILogger logger, string path, string reason);

    [LoggerMessage(2154, LogLevel.Warning, "{Path}: {Reason}")]
    private static partial void Unkept(ILogger logger, string path, string reason);
}
