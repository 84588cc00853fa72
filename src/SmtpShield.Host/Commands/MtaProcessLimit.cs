using System.Net;
using SmtpShield.Host.Import;
using SmtpShield.Options;
using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.Parameters;

namespace SmtpShield.Host.Commands;

/// <summary>
/// Whether a Postfix on this host serves as many clients as the shield lets in: the others would wait in its listen queue, without a
/// greeting and unseen by <c>$stress</c>.
/// </summary>
internal static class MtaProcessLimit
{
    /// <summary>Where Postfix's files are, unless somebody has moved them; another instance's are not looked for.</summary>
    public const string PostfixDirectory = "/etc/postfix";

    /// <summary>What to say of the services' MTAs. Nothing where Postfix's files can't be read, or the MTA is not on this host.</summary>
    public static IEnumerable<ConfigurationProblem> ProblemsOf(ShieldOptions options, string directory)
    {
        var files = PostfixFiles.Read(directory);
        if (files.Master.Entries.Count == 0)
            yield break;

        var services = SmtpdServices.Find(files, HostFacts.Local());
        foreach (var destination in options.Services.Values.SelectMany(static service => service.Upstream.Destinations).Where(IsLocal).Distinct())
        {
            var before = options.Services.Where(service => service.Value.Upstream.Destinations.Contains(destination)).ToList();
            var wanted = before.Sum(static service => (long)service.Value.Listener.DefaultProcessLimit);
            if (services.Shielded.Concat(services.Others).FirstOrDefault(service => service.Entry is { IsSmtpd: true }
                && service.Port == destination.Port) is { ProcessLimit: > 0 and var limit } smtpd && limit < wanted)
            {
                yield return ConfigurationProblem.Warning(
                    new SourceLocation($"service {string.Join(", ", before.Select(static service => service.Key))}"),
                    "default_process_limit",
                    $"the shield holds {wanted} sessions, {destination} only {limit} (maxproc of {smtpd.Name} in {files.Master.Path}): "
                        + "the others wait there for a greeting",
                    $"set default_process_limit = {Math.Max(1, limit / before.Count)}, or let Postfix have as many processes");
            }
        }
    }

    private static bool IsLocal(UpstreamAddress destination) =>
        destination.Host == "localhost" || (IPAddress.TryParse(destination.Host, out var address) && IPAddress.IsLoopback(address));
}
