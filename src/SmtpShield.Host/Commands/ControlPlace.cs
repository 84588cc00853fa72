using SmtpShield.Control.Admin;
using SmtpShield.Options;
using SmtpShield.PostfixConf;

namespace SmtpShield.Host.Commands;

/// <summary>
/// Whether <c>shield_control_socket</c> can be made: its directory is there; and whether somebody could log in on <c>shield_admin_listen</c>. <c>run</c> makes
/// the socket, not the directory, and serves mail without either.
/// </summary>
internal static class ControlPlace
{
    // RuntimeDirectory= of the unit in deploy/systemd makes it at each start.
    private const string DirectoryOfUnit = "/run/smtpshield";

    /// <summary>What to say.</summary>
    public static IEnumerable<ConfigurationProblem> ProblemsOf(ControlOptions options)
    {
        if (options.Socket.Length > 0 && Path.GetDirectoryName(options.Socket) is var directory && directory != DirectoryOfUnit && !Directory.Exists(directory))
            yield return ConfigurationProblem.Warning(
                new SourceLocation(options.Socket), "shield_control_socket",
                $"shield_control_socket: there is no directory {directory}: the shield can't be asked with smtpshield status",
                "make it, for the service's user");
        if (options.AdminEndpoints.Count == 0)
            yield break;
        foreach (var problem in AdminUsers.Read(options.AdminUsersFile, out _))
            yield return problem;
        if (options.AdminChainFiles.Count == 0)
            yield break;
        foreach (var problem in AdminCertificate.ProblemsOf(options, TimeProvider.System))
            yield return problem;
    }
}
