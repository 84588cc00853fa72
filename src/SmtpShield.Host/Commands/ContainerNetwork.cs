using System.Globalization;
using System.Net;
using SmtpShield.Options;
using SmtpShield.PostfixConf;

namespace SmtpShield.Host.Commands;

/// <summary>
/// Whether the shield listens in a container's own network, where clients may have the address of its gateway: all of them are one client to limits then. It is
/// read off the files of the kernel and of what runs the container, and nobody is asked.
/// </summary>
/// <param name="root">The directory these files are in.</param>
/// <param name="manager">What runs the container, as it says itself; null where it does not.</param>
internal sealed class ContainerNetwork(string root, string? manager)
{
    private const string Default = "00000000";
    private const string Global = "00";

    // Docker; podman, if /run is not something else; a pod of Kubernetes.
    private static readonly string[] s_marks = [".dockerenv", "run/.containerenv", "var/run/secrets/kubernetes.io"];

    // user_namespaces(7): users are those of the host.
    private static readonly string[] s_sameUsers = ["0", "0", "4294967295"];

    // In the variable "container". Others that set it, as LXC and systemd-nspawn, give a container an address in the host's own network.
    private static readonly string[] s_managers = ["podman", "docker", "oci"];

    /// <summary>That of this process.</summary>
    public static ContainerNetwork OfProcess => new("/", Environment.GetEnvironmentVariable("container"));

    private bool IsInContainer => s_managers.Contains(manager) || Array.Exists(s_marks, mark => Path.Exists(Path.Combine(root, mark)));

    private string Interfaces => Path.Combine(root, "sys/class/net");

    /// <summary>What to say.</summary>
    public IEnumerable<ConfigurationProblem> ProblemsOf(ShieldOptions options)
    {
        if (!OperatingSystem.IsLinux() || !IsInContainer || DefaultRoute() is not var (name, gateway) || !IsContainers(name))
        {
            yield break;
        }

        // Ports of a container that root has not started, or of one without IPv6, are passed on by a program, which connects with an address of its own.
        var (isRootless, hasIPv6) = (IsTunnel(name) || !HasUsersOfHost(), HasIPv6(name));
        if (!isRootless && hasIPv6)
            yield break;
        foreach (var (service, valid) in options.Services.Where(static pair => IsReachedByClients(pair.Value)))
        {
            var effect = valid.Limits.ClientEventLimitExceptions.Matches(gateway, "") ? "are exempt from limits" : "have one client's limits together";
            yield return ConfigurationProblem.Warning(
                new SourceLocation($"service {service}"), "shield_listen",
                $"it listens in a container's network, {name}, where clients{(isRootless ? "" : " with IPv6")} may all be {gateway}, its gateway, and {effect}",
                "give the container the host's network, or a balancer in front that says who the client is: smtpd_upstream_proxy_protocol = haproxy");
        }
    }

    private static bool IsReachedByClients(ShieldOptions service) =>
        service.Proxy.Protocol == UpstreamProxyProtocol.None && !service.Listener.Transparent
        && service.Listener.Endpoints.Any(static endpoint => !IPAddress.IsLoopback(endpoint.Address));

    // proc(5), /proc/net/route: interface, destination, gateway in the order of the machine, and what else a route has.
    private (string Name, IPAddress Gateway)? DefaultRoute() => Lines("proc/net/route").Skip(1)
        .Select(static line => line.Split('\t', StringSplitOptions.TrimEntries))
        .Where(static fields => fields is [_, Default, not Default, ..])
        .Select(static fields => ((string, IPAddress)?)(fields[0], new IPAddress(uint.Parse(fields[2], NumberStyles.HexNumber, CultureInfo.InvariantCulture))))
        .FirstOrDefault();

    // One end of a pair whose other end is in another network namespace, or a program's. The host's own interfaces are neither.
    private bool IsContainers(string name) => IsTunnel(name)
        || (Number(name, "iflink") is { } peer && Directory.EnumerateDirectories(Interfaces).All(other => Number(Path.GetFileName(other), "ifindex") != peer));

    private bool IsTunnel(string name) => File.Exists(Path.Combine(Interfaces, name, "tun_flags"));

    private bool HasUsersOfHost() => Lines("proc/self/uid_map").Take(1).All(static line =>
        line.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).SequenceEqual(s_sameUsers));

    // /proc/net/if_inet6: address, index, length of the prefix, scope, flags, interface.
    private bool HasIPv6(string name) => Lines("proc/net/if_inet6").Any(line =>
        line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, _, _, Global, _, var its] && its == name);

    private string? Number(string name, string file) => Lines(Path.Combine(Interfaces, name, file)).FirstOrDefault();

    private IEnumerable<string> Lines(string path) => Path.Combine(root, path) is var file && File.Exists(file) ? File.ReadLines(file) : [];
}
