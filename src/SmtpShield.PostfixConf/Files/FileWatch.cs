namespace SmtpShield.PostfixConf.Files;

/// <summary>
/// Notices that one of some files was saved, whether rewritten in place, replaced by a rename, or reached through a symbolic link that now points elsewhere. It
/// asks the file system at intervals: notifications miss the latter, do not exist on network file systems, and run out (<c>fs.inotify.max_user_instances</c>).
/// A change is reported when the files have stopped changing, so that a file is not read half written.
/// </summary>
internal sealed class FileWatch
{
    private readonly record struct Stamp(bool Exists, DateTime Written, long Length, string? Target);

    private string[] _files = [];
    private Stamp[] _seen = [];
    private bool _isChanging;

    /// <summary>
    /// Sets which files are watched. For a file that was watched before, what was last seen of it still counts: it may have changed since it was read.
    /// </summary>
    public void Watch(IReadOnlyCollection<string> files)
    {
        var before = _files.Zip(_seen).ToDictionary(pair => pair.First, pair => pair.Second);
        _files = [.. files];
        _seen = Array.ConvertAll(_files, file => before.TryGetValue(file, out var stamp) ? stamp : Look(file));
    }

    /// <summary>The files are about to be read: what changes from here on is a change, also back to what was there before.</summary>
    public void NoteRead() => (_seen, _isChanging) = (Look(), false);

    /// <summary>Whether a file has changed since the last true answer, and none has since the last question.</summary>
    public bool HasSettledChange()
    {
        var now = Look();
        var changedNow = !now.AsSpan().SequenceEqual(_seen);
        _seen = now;
        var settled = _isChanging && !changedNow;
        _isChanging = changedNow;
        return settled;
    }

    private Stamp[] Look() => Array.ConvertAll(_files, Look);

    private static Stamp Look(string path)
    {
        try
        {
            var file = new FileInfo(path);
            var target = file.ResolveLinkTarget(returnFinalTarget: true);
            var content = target is null ? file : new FileInfo(target.FullName);
            return content.Exists ? new Stamp(true, content.LastWriteTimeUtc, content.Length, target?.FullName) : default;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return default;
        }
    }
}
