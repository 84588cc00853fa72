using System.Text;
using SmtpShield.PostfixConf.Files;

namespace SmtpShield.State;

/// <summary>
/// Lines of text in the <see cref="StateDirectory"/>. They are written whole, to a new file that takes the place of the old one when the disk has it: whatever
/// happens, one of the two is there.
/// </summary>
/// <param name="directory">Where.</param>
/// <param name="name">Its name.</param>
/// <param name="lines">What is to be in it.</param>
internal sealed class StateFile(StateDirectory directory, string name, Func<IEnumerable<string>> lines)
{
    /// <summary>Who may read it: the shield's user, and its group.</summary>
    public const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;

    /// <summary>How long after a change it is written.</summary>
    public static readonly TimeSpan Delay = TimeSpan.FromSeconds(5);

    /// <summary>The longest file that is read, in octets: room for the most bans there may be, each with its reason. It is read line by line.</summary>
    public const long MostOctets = 1 << 30;

    /// <summary>Files that were put aside and are kept.</summary>
    public const int MostBad = 3;

    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false);

    private readonly Lock _gate = new();
    private readonly Lock _writing = new();
    private bool _hasChanged;
    private ITimer? _timer;

    /// <summary>Its name.</summary>
    public string Name => name;

    /// <summary>What is to be in it now.</summary>
    public IEnumerable<string> Lines => lines();

    private string? Path => directory.Path is { } path ? System.IO.Path.Combine(path, name) : null;

    /// <summary>
    /// The lines that are in it, or that the shield before this one has given; none when nothing was kept. A file that can't be read is put aside, with a
    /// warning.
    /// </summary>
    public IEnumerable<string> Load()
    {
        if (directory.Given is { } given)
        {
            foreach (var line in given.Take(name))
                yield return line;
            yield break;
        }

        if (Path is not { } path || !File.Exists(path))
            yield break;
        if (TryRead(path, Open) is not { } reader)
        {
            // What is written next would take its place.
            PutAside("it can't be read");
            yield break;
        }

        using (reader)
        {
            while (TryRead(path, _ => reader.ReadLine()) is { } line)
                yield return line;
        }
    }

    /// <summary>A line of what <see cref="Load"/> gave says nothing: it is left out, which a warning says.</summary>
    /// <param name="number">Which, from 1 on.</param>
    public void Skip(int number)
    {
        if (Path is { } path)
            directory.Warn(path, $"line {number} is not understood and left out");
    }

    /// <summary>
    /// What <see cref="Load"/> gave is not understood: the file gets the name it has with <c>.bad</c> behind it, for somebody to look at. Those of earlier
    /// times stay, as <c>.bad</c> and <c>.bad.2</c>; of more than <see cref="MostBad"/> the last one is the newest.
    /// </summary>
    /// <param name="reason">Why.</param>
    public void PutAside(string reason)
    {
        if (Path is not { } path)
            return;
        var bad = Enumerable.Range(1, MostBad).Select(static number => number == 1 ? ".bad" : $".bad.{number}")
            .FirstOrDefault(end => !File.Exists(path + end), $".bad.{MostBad}");
        directory.Tell(path, $"not used: {reason}; it is {name}{bad} now");
        try
        {
            File.Move(path, path + bad, overwrite: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // It stays till another one takes its place.
        }
    }

    /// <summary>What is to be in it has changed: it is written in the background, within <see cref="Delay"/>.</summary>
    public void NoteChange()
    {
        if (directory.Path is null)
            return;
        lock (_gate)
        {
            _hasChanged = true;
            _timer ??= directory.Time.CreateTimer(static file => ((StateFile)file!).SaveChange(), this, Delay, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Writes it. When this returns true the disk has it, or nothing is to be kept.</summary>
    /// <returns>False: it could not be written, which a warning says.</returns>
    public bool Save()
    {
        lock (_writing)
        {
            if (Path is not { } path)
                return true;
            lock (_gate)
            {
                _hasChanged = false;
                _timer?.Dispose();
                _timer = null;
            }

            try
            {
                Write(path);
                return true;
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                directory.Warn(path, $"not written: {exception.Message}");
            }
        }

        // Again in a while: the next change may be far away.
        NoteChange();
        return false;
    }

    /// <summary>Returns when it is not being written.</summary>
    public void WaitUntilWritten()
    {
        lock (_writing)
        {
            // Whoever begins now finds that the directory is left.
        }
    }

    /// <summary>Writes it if anything has changed.</summary>
    public void SaveChange()
    {
        bool hasChanged;
        lock (_gate)
            hasChanged = _hasChanged;
        if (hasChanged)
            Save();
    }

    private StreamReader? Open(string path)
    {
        if (new FileInfo(path).Length <= MostOctets)
            return new(new FileStream(RegularFile.OpenToRead(path), FileAccess.Read), s_utf8);
        directory.Warn(path, $"not read: it has more than {MostOctets >> 20} MiB");
        return null;
    }

    private T? TryRead<T>(string path, Func<string, T?> read)
        where T : class
    {
        try
        {
            return read(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            directory.Warn(path, $"not read: {exception.Message}");
            return null;
        }
    }

    private void Write(string path)
    {
        var next = path + ".new";
        // What is there is of one that was killed, or it is somebody's who would like another file to be written.
        File.Delete(next);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.None };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = Mode;
        using (var stream = new FileStream(next, options))
        {
            using (var writer = new StreamWriter(stream, s_utf8, leaveOpen: true) { NewLine = "\n" })
            {
                foreach (var line in lines())
                    writer.WriteLine(line);
            }

            stream.Flush(flushToDisk: true);
        }

        File.Move(next, path, overwrite: true);
        if (!OperatingSystem.IsLinux())
            return;
        // The new name, too, is to outlast a power cut.
        using var parent = UnixFile.Open(System.IO.Path.GetDirectoryName(path)!, UnixFile.ForReading, default);
        RandomAccess.FlushToDisk(parent);
    }
}
