using System.Globalization;
using System.Net;
using SmtpShield.Options;
using SmtpShield.PostfixConf;

namespace SmtpShield.Host.Commands;

/// <summary>
/// Which of <c>shield_listen</c>, <c>shield_metrics_listen</c> and <c>shield_admin_listen</c> somebody else listens on (proc(5), <c>/proc/net/tcp</c>).
/// Nothing is bound to find out. A shield that runs already is nobody else, nor is systemd, whose socket unit listens for the shield.
/// </summary>
internal static class PortsInUse
{
    private const string Listening = "0A";
    private const string Program = "smtpshield";

    /// <summary>What to say.</summary>
    public static IEnumerable<ConfigurationProblem> ProblemsOf(ShieldOptions options)
    {
        if (!OperatingSystem.IsLinux())
            yield break;

        var sockets = Sockets("/proc/net/tcp").Concat(Sockets("/proc/net/tcp6")).ToList();
        foreach (var (name, service) in options.Services)
        {
            foreach (var endpoint in service.Listener.Endpoints)
            {
                var taken = sockets.FindAll(socket => IsSame(socket.EndPoint, endpoint));
                if (taken.Count == 0 || OwnerOf(taken.ConvertAll(static socket => $"socket:[{socket.Inode}]")) is not { } owner)
                    continue;
                yield return ConfigurationProblem.Warning(
                    new SourceLocation($"service {name}"), "shield_listen", $"{endpoint} is in use by {owner}: the shield can't start before it is free",
                    "stop that program or move it to another port, or change shield_listen");
            }
        }

        (string Parameter, IReadOnlyList<IPEndPoint> EndPoints)[] others =
            [("shield_metrics_listen", options.Control.MetricsEndpoints), ("shield_admin_listen", options.Control.AdminEndpoints)];
        foreach (var (parameter, endpoint) in others.SelectMany(static other => other.EndPoints.Select(endpoint => (other.Parameter, endpoint))))
        {
            var taken = sockets.FindAll(socket => IsSame(socket.EndPoint, endpoint));
            if (taken.Count > 0 && OwnerOf(taken.ConvertAll(static socket => $"socket:[{socket.Inode}]")) is { } owner)
            {
                yield return ConfigurationProblem.Warning(
                    new SourceLocation(parameter == "shield_metrics_listen" ? "metrics" : "admin"), parameter,
                    $"{endpoint} is in use by {owner}: the shield runs without it",
                    $"stop that program or move it to another port, or change {parameter}");
            }
        }
    }

    // An address of all is in the way of one, and one of all.
    private static bool IsSame(IPEndPoint one, IPEndPoint other) =>
        one.Port == other.Port && one.AddressFamily == other.AddressFamily && (one.Address.Equals(other.Address) || IsAny(one.Address) || IsAny(other.Address));

    private static bool IsAny(IPAddress address) => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);

    private static IEnumerable<(IPEndPoint EndPoint, string Inode)> Sockets(string table)
    {
        if (!File.Exists(table))
            yield break;
        foreach (var line in File.ReadLines(table).Skip(1))
        {
            if (line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, var local, _, Listening, _, _, _, _, _, var inode, ..])
                yield return (EndPointOf(local), inode);
        }
    }

    // Words of four octets, each in the order of the machine.
    private static IPEndPoint EndPointOf(string text)
    {
        var (address, port) = (text[..text.IndexOf(':', StringComparison.Ordinal)], text[(text.IndexOf(':', StringComparison.Ordinal) + 1)..]);
        var octets = Convert.FromHexString(address);
        if (BitConverter.IsLittleEndian)
        {
            for (var word = 0; word < octets.Length; word += 4)
                octets.AsSpan(word, 4).Reverse();
        }

        return new(new IPAddress(octets), int.Parse(port, NumberStyles.HexNumber, CultureInfo.InvariantCulture));
    }

    // Run by itself, or by dotnet.
    private static bool IsShield(string process) =>
        File.ReadAllText(process + "/cmdline").Split('\0').Take(2).Any(static word => Path.GetFileNameWithoutExtension(word) == Program);

    private static bool IsSystemd(string process) => process == "/proc/1" && File.ReadAllText(process + "/comm").Trim() == "systemd";

    // Descriptors come and go while they are looked at.
    private static string? TargetOf(string descriptor)
    {
        try
        {
            return File.ResolveLinkTarget(descriptor, returnFinalTarget: false)?.Name;
        }
        catch (IOException)
        {
            return null;
        }
    }

    // Null: a shield. Only root sees the descriptors of others.
    private static string? OwnerOf(List<string> sockets)
    {
        foreach (var process in Directory.EnumerateDirectories("/proc").Where(static path => char.IsAsciiDigit(Path.GetFileName(path)[0])))
        {
            try
            {
                if (!Directory.EnumerateFiles(process + "/fd").Any(descriptor => TargetOf(descriptor) is { } target && sockets.Contains(target)))
                    continue;
                return IsShield(process) || IsSystemd(process) ? null : $"{File.ReadAllText(process + "/comm").Trim()} (process {Path.GetFileName(process)})";
            }
            catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
            {
                // It has ended meanwhile, or is not ours to look at.
            }
        }

        return "another program (root sees which)";
    }
}
