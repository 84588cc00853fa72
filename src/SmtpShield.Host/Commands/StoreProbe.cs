using System.Globalization;
using SmtpShield.Limits.Shared;
using SmtpShield.Options;
using SmtpShield.PostfixConf;

namespace SmtpShield.Host.Commands;

/// <summary><c>smtpshield check --probe</c>: whether the stores of shields that count together can be used, what they are, and who uses them.</summary>
internal static class StoreProbe
{
    private const string Parameter = "shield_shared_store";
    private const string Advised = "volatile-ttl";
    private const long Megabyte = 1024 * 1024;

    private static readonly SourceLocation s_location = new("shared counters");

    /// <summary>Runs it, one store after the other.</summary>
    /// <param name="options">The options of all services.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>An error for each store over which shields could not count together, else notes. Nothing without a store.</returns>
    public static async Task<IReadOnlyList<ConfigurationProblem>> RunAsync(ShieldOptions options, CancellationToken cancellationToken)
    {
        if (SharedStoreList.TryRead(options.Sharing.Store, out var stores) is not null)
            return [];

        List<ConfigurationProblem> problems = [];
        foreach (var store in stores)
            problems.AddRange(Judge(await new RedisProbe(options, store, TimeProvider.System).RunAsync(cancellationToken)));
        return problems;
    }

    /// <summary>What to say.</summary>
    public static IEnumerable<ConfigurationProblem> Judge(StoreFindings findings)
    {
        if (findings.Failure is { } failure)
        {
            yield return ConfigurationProblem.Error(s_location, Parameter, $"{findings.Store}: {failure.Reason}", RemedyFor(failure.Kind, findings));
            yield break;
        }

        foreach (var (node, away) in findings.Away)
            yield return ConfigurationProblem.Warning(s_location, Parameter, $"{node}: {away.Reason}", RemedyFor(away.Kind, findings));
        foreach (var node in findings.Nodes)
        {
            yield return new(ProblemSeverity.Note, s_location, Parameter, $"{node.Name} {Describe(node, findings.HasTls)}");
            if (!node.IsReplica && WhyNotFull(node) is { } reason)
                yield return ConfigurationProblem.Warning(s_location, Parameter, $"{node.Name}: maxmemory-policy {node.MemoryPolicy}: {reason}",
                    $"CONFIG SET maxmemory-policy {Advised}, and the same in redis.conf");
        }

        yield return new(ProblemSeverity.Note, s_location, Parameter, string.Create(CultureInfo.InvariantCulture,
            $"{findings.Store} has taken a record{InEach(findings)} and given it back; {RedisProbe.Calls} calls: p50 {At(50):0.00} ms, p99 {At(99):0.00} ms"));
        yield return new(ProblemSeverity.Note, s_location, Parameter, findings.Members.Count == 0
            ? $"{findings.Store}: no shield shares there now"
            : $"{findings.Store}: shields that share there now: {findings.Members.Count}: {NamesOf(findings.Members)}");
        foreach (var member in findings.Members)
        {
            if (SharingSettings.DifferenceIn(findings.Settings, member) is { } difference)
                yield return ConfigurationProblem.Warning(s_location, Parameter,
                    $"{SharingSettings.NameIn(member)} has {difference}, which must be the same on all shields", "change it there or here, and reload");
        }

        double At(int percent) => findings.RoundTrips[((findings.RoundTrips.Count * percent) - 1) / 100].TotalMilliseconds;
    }

    private static string InEach(StoreFindings findings) => findings.Partitions == 1 ? "" : $" in each of {findings.Partitions} partitions";

    private static string NamesOf(IEnumerable<string> members) => string.Join(", ", members.Select(SharingSettings.NameIn).Order(StringComparer.Ordinal));

    private static string Describe(StoreNode node, bool hasTls)
    {
        var tls = hasTls ? "with TLS" : "in clear";
        if (node.Software.Length == 0)
            return $"does not say what it is, {tls}";
        if (node.IsReplica)
            return $"is {node.Software}, {tls}, a replica of {node.Primary}";

        var memory = node.Memory == 0 ? "no maxmemory" : string.Create(CultureInfo.InvariantCulture, $"maxmemory {node.Memory / Megabyte} MB");
        return $"is {node.Software}, {tls}, primary, replicas: {node.Replicas}, {memory}, maxmemory-policy {node.MemoryPolicy}";
    }

    // Null: it does what is best.
    private static string? WhyNotFull(StoreNode node) => node switch
    {
        { Memory: 0 } or { MemoryPolicy: Advised } => null,
        { MemoryPolicy: "noeviction" } => "when it is full it takes no writes, and each shield counts alone",
        { MemoryPolicy: ['a', 'l', 'l', 'k', 'e', 'y', 's', ..] } => "when it is full it may forget who the shields are, and hear everything again",
        _ => null,
    };

    private static string RemedyFor(StoreFailureKind kind, StoreFindings findings) => kind switch
    {
        StoreFailureKind.File => "write the file, readable for the shield",
        StoreFailureKind.Unreachable => "start it, let the shields through (bind and protected-mode in redis.conf, firewalls) or mend the address",
        StoreFailureKind.Silent when findings.HasTls => "is its tls-port another one? Without TLS write redis://",
        StoreFailureKind.Silent => "does it have TLS on this port? Then write rediss://",
        StoreFailureKind.Certificate => "shield_shared_tls_CAfile has who signed it, and shield_shared_store a name that is in it",
        StoreFailureKind.Login => "shield_shared_user and the first line of shield_shared_password_file must be those of the store's ACL",
        StoreFailureKind.Rights => "give the user all rights in deploy/cluster/smtpshield.acl, and ~PREFIX:* with shield_shared_prefix",
        StoreFailureKind.Cluster => "write ?partitions=16 behind its nodes, the same at all shields",
        StoreFailureKind.Replica => "write the primary's address, or that of each node, joined by +",
        _ => "",
    };
}
