using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using SmtpShield.Options;
using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.Files;

namespace SmtpShield.Control.Admin;

/// <summary>
/// The users of <c>shield_admin_users_file</c>, as it is now: it is looked at once a second, when somebody asks. A file that others may read has no users.
/// </summary>
internal sealed partial class AdminUsers(ShieldSnapshot snapshot, TimeProvider time, ILogger<AdminUsers> log)
{
    private const string Parameter = "shield_admin_users_file";
    private const int Most = 256;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly AtMostOnce _failures = new(time, TimeSpan.FromMinutes(1));
    private IReadOnlyList<AdminUser> _users = [];
    private (string Path, DateTime Written, long Length, UnixFileMode Mode) _read;
    private long? _lookedAt;

    /// <summary>The user of a name who has a password; null: there is none.</summary>
    public AdminUser? WithPassword(string name) => Current.FirstOrDefault(user => !user.IsToken && user.Name == name);

    /// <summary>Rounds of the password's hash that has most.</summary>
    public int MostRounds => Current.Where(static user => !user.IsToken).Select(static user => user.Rounds).DefaultIfEmpty(AdminUser.UsualRounds).Max();

    /// <summary>The line of a token; null: there is none, or it has ended.</summary>
    public AdminUser? WithToken(string token)
    {
        var hash = AdminUser.HashOfToken(token);
        var now = time.GetUtcNow();
        return Current.FirstOrDefault(user => user.IsToken && user.End > now && CryptographicOperations.FixedTimeEquals(user.Hash, hash));
    }

    /// <summary>Whether a line still is in the file as it was.</summary>
    /// <returns>The line; null: it has changed, or is gone.</returns>
    public AdminUser? Still(AdminUser user) => WithPassword(user.Name) is { } now && now.ToString() == user.ToString() ? now : null;

    /// <summary>Whether a token's line still is in the file as it was, and it has not ended.</summary>
    public bool StillToken(AdminUser token) =>
        token.End > time.GetUtcNow() && Current.Any(user => user.IsToken && user.ToString() == token.ToString());

    /// <summary>What is wrong with the file.</summary>
    /// <param name="path">The file; empty: there is none.</param>
    /// <param name="users">The users in it; none when it can't be used.</param>
    public static IReadOnlyList<ConfigurationProblem> Read(string path, out IReadOnlyList<AdminUser> users)
    {
        users = [];
        if (path.Length == 0)
            return [];
        if (!ConfigurationText.TryRead(path, out var text, out var error))
            return [Problem(ProblemSeverity.Error, path, 0, error, "make it with smtpshield passwd NAME --role operate, readable for the shield's user only")];
        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & PasswordFile.TooWide) != 0)
        {
            return [Problem(ProblemSeverity.Error, path, 0, "others may read or write it, so nobody can log in",
                "chmod 640, and let it belong to root and the shield's group")];
        }

        var problems = new List<ConfigurationProblem>();
        var all = new List<AdminUser>();
        var number = 0;
        foreach (var line in text.Split('\n'))
        {
            number++;
            if (line.Trim() is "" or ['#', ..])
                continue;
            if (AdminUser.Parse(line) is not { } user)
                problems.Add(Problem(ProblemSeverity.Warning, path, number, "a line that is none", "smtpshield passwd and smtpshield token make them"));
            else if (all.FindIndex(other => other.Name == user.Name) is >= 0 and var earlier)
            {
                // As when a new password is added to the file: the old one must not go on.
                all[earlier] = user;
                problems.Add(Problem(ProblemSeverity.Warning, path, number, $"{user.Name} is there already, and the last line counts", "keep that one"));
            }
            else if (all.Count == Most)
                problems.Add(Problem(ProblemSeverity.Warning, path, number, $"more than {Most} users", "keep those that are needed"));
            else
                all.Add(user);
        }

        users = all;
        return problems;
    }

    private IReadOnlyList<AdminUser> Current
    {
        get
        {
            lock (_gate)
            {
                if (_lookedAt is { } lookedAt && time.GetElapsedTime(lookedAt) < Interval)
                    return _users;
                _lookedAt = time.GetTimestamp();
                var stamp = StampOf(snapshot.Current.Control.AdminUsersFile);
                if (stamp == _read)
                    return _users;
                var problems = Read(stamp.Path, out _users);
                var hasFailed = problems.Any(static problem => problem.Severity == ProblemSeverity.Error);
                // What keeps it from being read may change without it: its owner, or its directory.
                _read = hasFailed ? default : stamp;
                if (hasFailed && !_failures.IsDue())
                    return _users;
                foreach (var problem in problems)
                    Log.Problem(log, problem);
                return _users;
            }
        }
    }

    private static (string Path, DateTime Written, long Length, UnixFileMode Mode) StampOf(string path)
    {
        try
        {
            if (path.Length == 0)
                return ("", default, -1, default);
            // What is behind a symbolic link changes without it.
            var file = new FileInfo(File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path);
            return file.Exists ? (path, file.LastWriteTimeUtc, file.Length, file.UnixFileMode) : (path, default, -1, default);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return (path, default, -1, default);
        }
    }

    private static ConfigurationProblem Problem(ProblemSeverity severity, string path, int line, string message, string hint) =>
        new(severity, new SourceLocation(path, line), Parameter, $"{Parameter}: {message}", hint);

    private static partial class Log
    {
        [LoggerMessage(2300, LogLevel.Warning, "{Problem}", EventName = "AdminUsersProblem")]
        public static partial void Problem(ILogger logger, ConfigurationProblem problem);
    }
}
