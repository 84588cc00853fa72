using SmtpShield.Configuration;
using SmtpShield.Configuration.Expansion;
using SmtpShield.Configuration.Parameters;

namespace SmtpShield.Host.Import;

/// <summary>What is set in Postfix and not taken over: one line for each reason.</summary>
internal static class StaysInPostfix
{
    // The first rule that fits counts; * stands for the rest of a name.
    private static readonly (string[] Names, ProblemSeverity Severity, string Reason)[] Rules =
    [
        (["smtpd_upstream_proxy_*", "postscreen_upstream_proxy_*"], ProblemSeverity.Warning,
            "this version reads and sends no PROXY header. A load balancer in front must not send one, and all that it sends on is one client to the shield; behind the shield Postfix must not wait for one"),
        (["postscreen_*"], ProblemSeverity.Note,
            "postscreen's tests need the client itself and find the shield instead; they cannot be used behind it, and the shield has none of them"),
        (["smtpd_tls_*", "smtpd_use_tls", "smtpd_enforce_tls", "smtpd_starttls_timeout", "tlsproxy_*"], ProblemSeverity.Note,
            "stay in Postfix; STARTTLS is passed through, and this version cannot see inside it: there only the shield's connection limits apply, and Postfix's own error limits"),
        (["smtpd_authorized_xclient_hosts", "smtpd_authorized_xforward_hosts"], ProblemSeverity.Warning,
            "the shield lets no XCLIENT and XFORWARD through; who needs them must reach Postfix directly"),
        (["smtpd_command_filter"], ProblemSeverity.Note, "stays in Postfix, which rewrites commands when the shield has judged them already"),
        (["smtpd_noop_commands"], ProblemSeverity.Note, "stays in Postfix; the shield does not count these as junk commands"),
        (["smtpd_reject_footer", "smtpd_reject_footer_maps"], ProblemSeverity.Note, "stays in Postfix; the shield's own refusals have no footer"),
        (["soft_bounce"], ProblemSeverity.Note, "stays in Postfix; the shield's own replies keep their codes"),
        (["smtpd_client_port_logging"], ProblemSeverity.Note, "the shield logs addresses without ports, and Postfix will log the port of the shield's connection"),
        (["smtpd_delay_*"], ProblemSeverity.Note, "stays in Postfix; the shield counts a refusal when Postfix makes it"),
        (["smtpd_milters", "smtpd_milter_maps"], ProblemSeverity.Warning, "stay in Postfix, and milters are told the shield's address as the client's: SPF, block lists and greylisting in them judge the shield"),
        (["smtpd_forbid_bare_newline_exclusions", "smtpd_forbid_bare_newline_reject_code"], ProblemSeverity.Note, "the shield makes no exceptions here, and its reply is 521"),
        (["smtpd_discard_ehlo_keyword_address_maps", "smtpd_sasl_exceptions_networks", "debug_peer_list", "authorized_verp_clients", "smtpd_authorized_verp_clients", "local_header_rewrite_clients", "permit_mx_backup_networks"],
            ProblemSeverity.Warning, "works by the client's address, and Postfix will see the shield's"),
        (["maillog_file"], ProblemSeverity.Note, "Postfix's log file belongs to postlogd(8); give the shield one of its own: maillog_file = /var/log/smtpshield/maillog"),
    ];

    // The rest of the program speaks of these.
    private static readonly string[] Elsewhere = ["default_process_limit", "inet_interfaces", "inet_protocols", "compatibility_level", "config_directory"];

    /// <summary>The lines for a service.</summary>
    /// <param name="values">What is set for the service.</param>
    /// <param name="files">The files, where other services may refer to a name.</param>
    public static IEnumerable<ImportNote> Explain(ServiceValues values, PostfixFiles files)
    {
        var settings = values.Settings.Where(setting => !ParameterImport.Takes(setting.Name) && !Elsewhere.Contains(setting.Name)).ToList();
        foreach (var note in Take(settings, setting => ClientRestrictions.IsList(setting.Name)).Select(setting => ExplainList(setting, values)).OfType<ImportNote>())
            yield return note;
        foreach (var (names, severity, reason) in Rules)
        {
            if (Take(settings, setting => names.Any(name => Fits(setting.Name, name))) is { Count: > 0 } found)
                yield return new ImportNote(severity, $"{Names(found)}: {reason}");
        }
        var referenced = files.Main.Entries.Values.Concat(files.Master.Entries.SelectMany(entry => entry.Overrides)).SelectMany(entry => MacroScan.Names(entry.Value, out _)).ToHashSet(StringComparer.Ordinal);
        var classes = values.Text("smtpd_restriction_classes");
        var unknown = Take(settings, setting => !PostfixParameterNames.Contains(setting.Name) && !referenced.Contains(setting.Name) && !classes.Contains(setting.Name, StringComparison.Ordinal));
        if (unknown.Count > 0)
            yield return ImportNote.Warning($"{Names(unknown)}: no Postfix release this program knows has it, and nothing refers to it; look for a typing error");
    }

    /// <summary>The names nothing has to be said of.</summary>
    public static IReadOnlyList<string> Untouched(ServiceValues values) =>
    [
        .. values.Settings.Select(setting => setting.Name)
            .Where(name => !ParameterImport.Takes(name) && PostfixParameterNames.Contains(name) && !Elsewhere.Contains(name) && !Rules.Any(rule => rule.Names.Any(pattern => Fits(name, pattern))))
            .Where(name => !ClientRestrictions.IsList(name) || ClientRestrictions.Affected(values.Text(name)).Count == 0)
            .Order(StringComparer.Ordinal),
    ];

    private static ImportNote? ExplainList(PostfixSetting setting, ServiceValues values)
    {
        var affected = ClientRestrictions.Affected(values.Text(setting.Name));
        var misled = affected.Where(word => !word.StartsWith("permit_mynetworks", StringComparison.OrdinalIgnoreCase)).ToList();
        if (misled.Count > 0)
            return ImportNote.Warning($"{setting.Name}: stays in Postfix, where {string.Join(", ", misled)} will judge the shield's address instead of the client's, which cannot be handed over in this version");
        return affected.Count > 0
            ? ImportNote.Note($"{setting.Name}: stays in Postfix, where permit_mynetworks will permit nobody: mynetworks has to be empty behind the shield")
            : null;
    }

    private static List<PostfixSetting> Take(List<PostfixSetting> settings, Predicate<PostfixSetting> fits)
    {
        var found = settings.FindAll(fits);
        settings.RemoveAll(fits);
        return found;
    }

    private static bool Fits(string name, string pattern) => pattern.EndsWith('*') ? name.StartsWith(pattern[..^1], StringComparison.Ordinal) : name == pattern;

    private static string Names(IEnumerable<PostfixSetting> settings) => Printable.Text(string.Join(", ", settings.Select(setting => setting.Name)));
}
