using SmtpShield.Options;
using SmtpShield.PostfixConf;
using SmtpShield.Tls;

namespace SmtpShield.Host.Commands;

/// <summary>
/// What the service's user lacks of what a configuration needs: files it can't read, a log it can't write, ports and addresses that need a capability.
/// </summary>
internal static class ServiceUser
{
    /// <summary>The user of the unit in <c>deploy/systemd</c>.</summary>
    public const string DefaultName = "smtpshield";

    private const string UnitName = "smtpshield.service";
    private const string FirstUnprivilegedPort = "/proc/sys/net/ipv4/ip_unprivileged_port_start";

    private static readonly string[] UnitDirectories = ["/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

    /// <summary>What to say.</summary>
    /// <param name="user">The user; <see langword="null"/>: that of the unit, if there is one.</param>
    /// <param name="path">The configuration file.</param>
    /// <param name="result">What was read from it.</param>
    public static IEnumerable<ConfigurationProblem> ProblemsOf(string? user, string path, ShieldConfigurationResult result)
    {
        var name = user ?? DefaultName;
        if (!ReadableBy.Exists(name))
            return user is null
                ? []
                : [ConfigurationProblem.Error(new SourceLocation("command line option --user"), "", $"no such user: {name}", "name the User= of the unit")];
        if (!ReadableBy.CanTell(name))
            return [new(ProblemSeverity.Note, new SourceLocation(path), "", $"what {name} can read was not looked at", "run check as root, or as that user")];

        return [.. FileProblems(name, FilesOf(path, result)),
            .. result.Options is { } options ? [.. LogProblems(name, options), .. CapabilityProblems(name, options)] : Array.Empty<ConfigurationProblem>()];
    }

    private static IEnumerable<string> FilesOf(string path, ShieldConfigurationResult result)
    {
        IEnumerable<ShieldOptions> services = result.Options is { } options ? options.Services.Values.DefaultIfEmpty(options) : [];
        return [path, .. result.Files,
            .. result.Options?.Sharing is { Store.Length: > 0 } sharing ? (string[])[sharing.PasswordFile, sharing.CAFile] : [],
            .. result.Options?.Control is { AdminEndpoints.Count: > 0 } control ? control.AdminChainFiles.Append(control.AdminUsersFile) : [],
            .. services.SelectMany(static service => CertificateStore.FilesOf(service.Tls, TimeProvider.System).Append(service.UpstreamTls.CAFile))];
    }

    // What is not there is told of by who reads it.
    private static IEnumerable<ConfigurationProblem> FileProblems(string user, IEnumerable<string> files) =>
        ReadableBy.Unreadable(user, files.Where(File.Exists))
            .Select(file => ConfigurationProblem.Error(new SourceLocation(file), "", $"{user} can't read it", RemedyFor(user, file)));

    private static string RemedyFor(string user, string file) => ReadableBy.Barrier(user, file) is { } directory
        ? $"{user} can't enter {directory}: copy the file to where it can, or give its group the directory: chgrp {user} {directory}; chmod g+x {directory}"
        : $"chgrp {user} {file}; chmod g+r {file}";

    private static IEnumerable<ConfigurationProblem> LogProblems(string user, ShieldOptions options)
    {
        var log = options.Log.MaillogFile;
        if (log.Length == 0 || log.StartsWith("/dev/", StringComparison.Ordinal))
            yield break;

        var place = File.Exists(log) ? log : Path.GetDirectoryName(Path.GetFullPath(log))!;
        if ((File.Exists(place) || Directory.Exists(place)) && ReadableBy.Unwritable(user, [place]).Count > 0)
            yield return ConfigurationProblem.Error(new SourceLocation(place), "maillog_file", $"{user} can't write it", $"chown {user} {place}");
    }

    private static IEnumerable<ConfigurationProblem> CapabilityProblems(string user, ShieldOptions options)
    {
        if (user == "root")
            yield break;

        var services = options.Services.Values.DefaultIfEmpty(options).ToList();
        var firstPort = File.Exists(FirstUnprivilegedPort) && int.TryParse(File.ReadAllText(FirstUnprivilegedPort), out var port) ? port : 1024;
        if (services.SelectMany(static service => service.Listener.Endpoints).FirstOrDefault(endpoint => endpoint.Port < firstPort) is { } privileged
            && Lacks("CAP_NET_BIND_SERVICE"))
        {
            yield return Capability(user, "shield_listen", $"port {privileged.Port}", "CAP_NET_BIND_SERVICE");
        }
        if (services.Exists(static service => service.Listener.Transparent) && Lacks("CAP_NET_ADMIN"))
            yield return Capability(user, "shield_listen_transparent", "to listen for other hosts' addresses", "CAP_NET_ADMIN");
        if (services.Exists(static service => service.Upstream.ClientHandoff == ClientHandoff.Transparent) && Lacks("CAP_NET_ADMIN"))
            yield return Capability(user, "shield_client_handoff", "to connect from clients' addresses", "CAP_NET_ADMIN");
    }

    private static ConfigurationProblem Capability(string user, string parameter, string what, string capability) => ConfigurationProblem.Warning(
        new SourceLocation(UnitName), parameter, $"{parameter}: {user} needs {capability} for it: {what}",
        $"AmbientCapabilities={capability} in the unit, which has none or is not installed");

    private static bool Lacks(string capability) => !UnitDirectories
        .SelectMany(static directory => Directory.Exists(Path.Combine(directory, UnitName + ".d"))
            ? Directory.GetFiles(Path.Combine(directory, UnitName + ".d"), "*.conf").Append(Path.Combine(directory, UnitName))
            : [Path.Combine(directory, UnitName)])
        .Where(File.Exists)
        .SelectMany(File.ReadLines)
        .Any(line => line.StartsWith("AmbientCapabilities=", StringComparison.Ordinal) && line.Contains(capability, StringComparison.Ordinal));
}
