using System.Net;
using System.Security.Cryptography;
using System.Text;
using SmtpShield.PostfixConf.Files;
using SmtpShield.PostfixConf.Lists;
using SmtpShield.PostfixConf.MainCf;

namespace SmtpShield.Host.Switching;

/// <summary>
/// What a switch replaces, and what it takes to put it back: copies with owner, mode and time, in a directory of their own beside Postfix's main.cf.
/// The file <c>state</c> in it is written last; without it nothing has been changed yet.
/// </summary>
internal sealed class SwitchoverBackup
{
    private const string DirectoryName = "before-smtpshield";
    private const string StateName = "state";
    private const string ResultName = "result";
    private const string ShieldCopy = "shield-main.cf";

    private readonly string _directory;
    private readonly bool _hadTarget;
    private readonly bool _hadTargetDirectory;

    private SwitchoverBackup(string postfix, string target, bool hadTarget, bool hadTargetDirectory, string stop, string queueDirectory,
        IReadOnlyList<IPEndPoint> endPoints)
    {
        (Postfix, Target, Stop, QueueDirectory, EndPoints) = (postfix, target, stop, queueDirectory, endPoints);
        (_directory, _hadTarget, _hadTargetDirectory) = (DirectoryOf(postfix), hadTarget, hadTargetDirectory);
    }

    /// <summary>Postfix's configuration directory.</summary>
    public string Postfix { get; }

    /// <summary>The shield's main.cf.</summary>
    public string Target { get; }

    /// <summary>The command that stops the shield.</summary>
    public string Stop { get; }

    /// <summary>Postfix's <c>queue_directory</c>.</summary>
    public string QueueDirectory { get; }

    /// <summary>Where Postfix listened, and the shield does now.</summary>
    public IReadOnlyList<IPEndPoint> EndPoints { get; }

    private IEnumerable<(string Copy, string Path)> Files
    {
        get
        {
            foreach (var name in (string[])["master.cf", "main.cf"])
                yield return (Path.Combine(_directory, name), Path.Combine(Postfix, name));
            yield return (Path.Combine(_directory, ShieldCopy), Target);
        }
    }

    /// <summary>Where the copies are.</summary>
    public static string DirectoryOf(string postfix) => Path.Combine(postfix, DirectoryName);

    /// <summary>Whether a switch has been made, or was cut off.</summary>
    public static bool Exists(string postfix) => File.Exists(Path.Combine(DirectoryOf(postfix), StateName));

    /// <summary>Makes the copies.</summary>
    /// <returns>The backup, or what failed.</returns>
    public static (SwitchoverBackup? Backup, string Failure) Make(
        string postfix, SwitchoverOptions options, string queueDirectory, IReadOnlyList<IPEndPoint> endPoints)
    {
        var hadDirectory = Directory.Exists(Path.GetDirectoryName(options.Target));
        var backup = new SwitchoverBackup(postfix, options.Target, File.Exists(options.Target), hadDirectory, options.Stop, queueDirectory, endPoints);
        var failure = Try(backup._directory, () =>
        {
            if (OperatingSystem.IsWindows())
                Directory.CreateDirectory(backup._directory);
            else
                Directory.CreateDirectory(backup._directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            foreach (var (copy, path) in backup.Files.Where(file => File.Exists(file.Path)))
            {
                File.Delete(copy);
                File.Copy(path, copy);
                GiveAttributes(Real(path), copy);
            }
        });
        if (failure.Length == 0)
            failure = FileReplacement.TryCreate(Path.Combine(backup._directory, StateName), Encoding.UTF8.GetBytes(backup.State()));
        return failure.Length == 0 ? (backup, "") : (null, failure);
    }

    /// <summary>Finds the backup of a switch.</summary>
    /// <returns>The backup, or what is wrong.</returns>
    public static (SwitchoverBackup? Backup, string Failure) Read(string postfix)
    {
        var directory = DirectoryOf(postfix);
        if (!Exists(postfix))
            return (null, $"{directory}: nothing to undo, import --apply was not used here");
        var state = MainCfFile.Read(Path.Combine(directory, StateName));
        string Value(string name) => state.Entries.TryGetValue(name, out var entry) ? entry.Value : "";
        var endPoints = ListTokenizer.Split(Value("listen")).Select(word => IPEndPoint.TryParse(word, out var endPoint) ? endPoint : null).ToList();
        if (state.Problems.Count > 0 || endPoints.Contains(null) || Value("target").Length == 0)
            return (null, $"{directory}/{StateName}: damaged; copy master.cf and main.cf from there by hand, stop the shield and reload Postfix");
        return (new(postfix, Value("target"), Value("target_existed") == "yes", Value("target_directory_existed") == "yes", Value("stop"),
            Value("queue_directory"), endPoints!), "");
    }

    /// <summary>Notes what the files are now, so that changes made later are not lost when they are put back.</summary>
    /// <returns>What failed; empty on success.</returns>
    public string RememberResult() => Try(_directory, () =>
        File.WriteAllLines(Path.Combine(_directory, ResultName),
            Files.Where(file => File.Exists(file.Path)).Select(file => $"{Path.GetFileName(file.Copy)} = {Fingerprint(file.Path)}")));

    /// <summary>Puts the files back, byte for byte, with owner and mode. One that was changed since the switch is kept beside as <c>NAME.undone</c>.</summary>
    /// <returns>What failed, and the files that were kept.</returns>
    public (IReadOnlyList<string> Failures, IReadOnlyList<string> Kept) Restore()
    {
        var results = MainCfFile.Read(Path.Combine(_directory, ResultName)).Entries;
        var (failures, kept) = (new List<string>(), new List<string>());
        foreach (var (copy, path) in Files)
        {
            var failure = Try(path, () =>
            {
                if (results.TryGetValue(Path.GetFileName(copy), out var result) && File.Exists(path) && Fingerprint(path) != result.Value)
                {
                    File.Copy(path, $"{path}.undone", overwrite: true);
                    GiveAttributes(Real(path), $"{path}.undone");
                    kept.Add($"{path}.undone");
                }
                RestoreFile(copy, path);
            });
            if (failure.Length > 0)
                failures.Add(failure);
        }
        return (failures, kept);
    }

    /// <summary>Removes the copies, when all is back.</summary>
    /// <returns>What failed; empty on success.</returns>
    public string Remove() => Try(_directory, () => Directory.Delete(_directory, recursive: true));

    private string State() =>
        $"""
        # What "smtpshield import --apply" has replaced is in this directory; "smtpshield import --undo {Postfix}" puts it back.
        target = {Target}
        target_existed = {(_hadTarget ? "yes" : "no")}
        target_directory_existed = {(_hadTargetDirectory ? "yes" : "no")}
        queue_directory = {QueueDirectory}
        listen = {string.Join(", ", EndPoints)}
        stop = {Stop}

        """;

    private void RestoreFile(string copy, string path)
    {
        if (File.Exists(copy))
        {
            var content = File.ReadAllBytes(copy);
            var failure = !File.Exists(path)
                ? FileReplacement.TryCreate(path, content)
                : File.ReadAllBytes(path).AsSpan().SequenceEqual(content) ? "" : FileReplacement.TryChange(path, _ => content);
            if (failure.Length > 0)
                throw new IOException(failure);
            GiveAttributes(copy, Real(path));
        }
        else if (path == Target && !_hadTarget)
        {
            File.Delete(path);
            if (!_hadTargetDirectory && Path.GetDirectoryName(path) is { } made && Directory.Exists(made) && !Directory.EnumerateFileSystemEntries(made).Any())
                Directory.Delete(made);
        }
    }

    private static void GiveAttributes(string source, string target)
    {
        if (OperatingSystem.IsWindows())
            return;
        if (!UnixOwner.TryCopy(source, target))
            throw new UnauthorizedAccessException();
        File.SetUnixFileMode(target, File.GetUnixFileMode(source));
        File.SetLastWriteTimeUtc(target, File.GetLastWriteTimeUtc(source));
    }

    private static string Real(string path) => new FileInfo(path).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? path;

    private static string Fingerprint(string path) => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(path)));

    private static string Try(string path, Action action)
    {
        try
        {
            action();
            return "";
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return exception.Message.StartsWith(path, StringComparison.Ordinal) ? exception.Message : $"{path}: {ConfigurationText.Reason(exception)}";
        }
    }
}
