using System.Runtime.Versioning;
using SmtpShield.Testing.Outside;

namespace SmtpShield.FunctionalTests.Packaging;

/// <summary>
/// A Debian of its own below a directory, with nothing in it but the essential packages and those that a package depends on, copied from this machine without
/// a network. <c>systemctl</c> in it does nothing, successfully, and writes down what it was asked for, as if systemd ran and all units were active.
/// </summary>
[SupportedOSPlatform("linux")]
internal sealed class DebianRoot : IDisposable
{
    private const string Recorder = "#!/bin/sh\necho \"$*\" >> /var/log/systemctl\n";

    // Linked, as in every Debian since 12; a package's list of files may name either place.
    private static readonly string[] s_merged = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];
    private static readonly string[] s_directories =
        ["dev", "proc", "tmp", "etc", "run/systemd/system", "var/log", "var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers"];
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    private readonly string _path = Directory.CreateTempSubdirectory("smtpshield-root-").FullName;

    private DebianRoot()
    {
    }

    /// <summary>What systemctl was asked for since the last time this was read.</summary>
    public IReadOnlyList<string> TakeSystemctlCalls()
    {
        var log = PathOf("/var/log/systemctl");
        var calls = File.Exists(log) ? File.ReadAllLines(log) : [];
        File.Delete(log);
        return calls;
    }

    /// <summary>Makes one.</summary>
    /// <param name="dependencies">As in a field Depends.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<DebianRoot> MakeAsync(string dependencies, CancellationToken cancellationToken)
    {
        var root = new DebianRoot();
        try
        {
            await root.FillAsync((await InstalledPackages.ReadAsync(cancellationToken)).Closure(dependencies), cancellationToken);
            return root;
        }
        catch
        {
            root.Dispose();
            throw;
        }
    }

    /// <summary>The path, from outside, of a file in it.</summary>
    public string PathOf(string path) => _path + path;

    /// <summary>Runs a program in it, as root.</summary>
    public Task<(int ExitCode, string Output)> RunAsync(CancellationToken cancellationToken, params string[] command) =>
        OutsideProcess.RunAsync("chroot", [_path, .. command], s_limit, cancellationToken);

    /// <summary>Runs a program in it, which must succeed.</summary>
    /// <returns>What it printed.</returns>
    public Task<string> RunSuccessfullyAsync(CancellationToken cancellationToken, params string[] command) =>
        OutsideProcess.RunSuccessfullyAsync("chroot", [_path, .. command], s_limit, cancellationToken);

    /// <summary>Starts a program in it, as root, which finds this machine's processes and devices there. It ends where nothing may be mounted.</summary>
    public OutsideProcess Start(params string[] command) => OutsideProcess.Start("unshare",
        ["--mount", "sh", "-c", "for a in proc dev; do mount --rbind /$a \"$0/$a\" || exit; done; exec chroot \"$0\" \"$@\"", _path, .. command]);

    /// <summary>Paths in it with this word in them, but for what dpkg remembers.</summary>
    public IEnumerable<string> PathsWith(string word) => Directory.EnumerateFileSystemEntries(_path, "*", new EnumerationOptions
    {
        RecurseSubdirectories = true,
        AttributesToSkip = FileAttributes.None,
    })
        .Select(path => path[_path.Length..])
        .Where(path => path.Contains(word, StringComparison.Ordinal) && !path.StartsWith("/var/lib/dpkg/", StringComparison.Ordinal));

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_path, recursive: true);

    private async Task FillAsync(IReadOnlyCollection<string> packages, CancellationToken cancellationToken)
    {
        foreach (var directory in s_directories)
            Directory.CreateDirectory(PathOf("/" + directory));
        foreach (var name in s_merged)
        {
            Directory.CreateDirectory(PathOf("/usr/" + name));
            File.CreateSymbolicLink(PathOf("/" + name), "usr/" + name);
        }

        var files = await OutsideProcess.RunSuccessfullyAsync("dpkg-query", ["--listfiles", .. packages], s_limit, cancellationToken);
        await OutsideProcess.RunSuccessfullyAsync("sh",
            ["-c", "tar -c -C / --no-recursion --ignore-failed-read -T - 2>/dev/null | tar -x -C \"$0\" --keep-directory-symlink", _path],
            s_limit, cancellationToken, string.Join('\n', files.Split('\n').Where(IsCopied)));
        File.WriteAllText(PathOf("/var/lib/dpkg/status"),
            await OutsideProcess.RunSuccessfullyAsync("dpkg-query", ["--status", .. packages], s_limit, cancellationToken));
        foreach (var list in Directory.EnumerateFiles("/var/lib/dpkg/info", "*.list")
            .Where(list => packages.Contains(Path.GetFileNameWithoutExtension(list).Split(':')[0])))
            File.Copy(list, PathOf(list));
        File.Copy(PathOf("/usr/share/base-passwd/passwd.master"), PathOf("/etc/passwd"));
        File.Copy(PathOf("/usr/share/base-passwd/group.master"), PathOf("/etc/group"));
        // A file is enough for what is thrown away, and may be made everywhere.
        File.WriteAllText(PathOf("/dev/null"), "");
        File.Delete(PathOf("/usr/bin/systemctl"));
        File.WriteAllText(PathOf("/usr/bin/systemctl"), Recorder);
        File.SetUnixFileMode(PathOf("/usr/bin/systemctl"), (UnixFileMode)0b111_101_101);
        await RunSuccessfullyAsync(cancellationToken, "ldconfig");
    }

    private static bool IsCopied(string file) => file.Length > 1
        && !file.StartsWith("/usr/share/doc/", StringComparison.Ordinal) && !file.StartsWith("/usr/share/locale/", StringComparison.Ordinal);
}
