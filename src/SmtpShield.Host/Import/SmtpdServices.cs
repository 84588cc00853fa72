using SmtpShield.PostfixConf.MasterCf;
using SmtpShield.PostfixConf.Parameters;

namespace SmtpShield.Host.Import;

/// <summary>Postfix's smtpd services: those the shield's configuration is made for, and the others.</summary>
/// <param name="Shielded">Those hosts outside reach, in the order of master.cf; without any, the one that comes nearest.</param>
/// <param name="Others">The others, in the order of master.cf.</param>
internal sealed record SmtpdServices(IReadOnlyList<SmtpdService> Shielded, IReadOnlyList<SmtpdService> Others)
{
    private const int SmtpPort = 25;

    /// <summary>Finds the services.</summary>
    public static SmtpdServices Find(PostfixFiles files, HostFacts host)
    {
        var behindPostscreen = files.Master.Entries.FirstOrDefault(entry => entry is { Type: "pass", Service: "smtpd", IsSmtpd: true });
        var services = files.Master.Entries
            .Where(entry => entry.Type == "inet" && (entry.IsSmtpd || entry.IsPostscreen))
            .Select(entry => Read(files, entry.IsSmtpd ? entry : behindPostscreen, entry, host))
            .ToList();
        var shielded = services.Where(service => service.CanBeShielded).ToList();
        if (shielded.Count == 0)
            shielded.Add(services.OrderBy(Rank).FirstOrDefault() ?? new SmtpdService(null, null, "", SmtpPort, new ServiceValues(files, null, host)));
        return new SmtpdServices(shielded, [.. services.Except(shielded)]);
    }

    /// <summary>The smtpd an import has made, where one is there: then Postfix stands behind a shield already. Null when none is.</summary>
    public static MasterCfEntry? BehindShield(PostfixFiles files) =>
        files.Master.Entries.FirstOrDefault(entry => entry is { Type: "inet", IsSmtpd: true }
            && entry.Overrides.Any(item => item.Name == "syslog_name" && item.Value.Split('/')[0] == InnerService.SyslogName)
            && entry.Overrides.Any(item => item is { Name: "smtpd_upstream_proxy_protocol", Value: "haproxy" }));

    private static SmtpdService Read(PostfixFiles files, MasterCfEntry? smtpd, MasterCfEntry front, HostFacts host)
    {
        var colon = front.Service.LastIndexOf(':');
        var address = colon < 0 ? "" : front.Service[..colon];
        return new SmtpdService(smtpd, front, address is ['[', .., ']'] ? address[1..^1] : address, PortOf(front.Service[(colon + 1)..]),
            new ServiceValues(files, smtpd, host, front.IsPostscreen ? front : null));
    }

    private static int Rank(SmtpdService service) => (service.Port == SmtpPort ? 0 : 4) + (service.IsLoopback ? 2 : 0) + (service.IsWrapped ? 1 : 0);

    private static int PortOf(string name) => name switch
    {
        "smtp" => SmtpPort,
        "submission" => 587,
        "submissions" or "smtps" or "ssmtp" => 465,
        _ => int.TryParse(name, out var port) && port is > 0 and <= 65535 ? port : 0,
    };
}
