using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.Expansion;
using SmtpShield.PostfixConf.Parameters;

namespace SmtpShield.Host.Import;

/// <summary>What is set in Postfix and not taken over: one line for each reason.</summary>
internal static class StaysInPostfix
{
    // The first rule that fits counts; * stands for the rest of a name.
    private static readonly (string[] Names, ProblemSeverity Severity, string Reason)[] Rules =
    [
        (["postscreen_*"], ProblemSeverity.Note,
            "postscreen's tests need the client itself and find the shield instead; they cannot be used behind it, and the shield has none of them"),
        (["smtpd_tls_*", "smtpd_use_tls", "smtpd_enforce_tls", "tlsproxy_*"], ProblemSeverity.Note,
            "stay in Postfix, for what TLS it ends itself; the shield has its own ciphers and resumption, and asks for no client certificates"),
        (["smtpd_authorized_xclient_hosts", "smtpd_authorized_xforward_hosts"], ProblemSeverity.Warning,
            "the shield lets no XCLIENT and XFORWARD through; who needs them must reach Postfix directly"),
        (["smtpd_command_filter"], ProblemSeverity.Note, "stays in Postfix, which rewrites commands when the shield has judged them already"),
        (["smtpd_noop_commands"], ProblemSeverity.Note, "stays in Postfix; the shield does not count these as junk commands"),
        (["smtpd_reject_footer", "smtpd_reject_footer_maps"], ProblemSeverity.Note, "stays in Postfix; the shield's own refusals have no footer"),
        (["soft_bounce"], ProblemSeverity.Note, "stays in Postfix; the shield's own replies keep their codes"),
        (["smtpd_client_port_logging"], ProblemSeverity.Note, "stays in Postfix, which learns the client's port; the shield logs addresses without ports"),
        (["smtpd_delay_*"], ProblemSeverity.Note, "stays in Postfix; the shield counts a refusal when Postfix makes it"),
        (["smtpd_milters", "smtpd_milter_maps"], ProblemSeverity.Note,
            "stay in Postfix, and milters are told the client's address; of TLS that the shield has ended they are told nothing"),
        (["smtpd_forbid_bare_newline_exclusions", "smtpd_forbid_bare_newline_reject_code"], ProblemSeverity.Note,
            "the shield makes no exceptions here, and its reply is 521"),
        (["maillog_file"], ProblemSeverity.Note,
            "Postfix's log file belongs to postlogd(8); give the shield one of its own: maillog_file = /var/log/smtpshield/maillog"),
    ];

    // The rest of the program speaks of these.
    private static readonly string[] Elsewhere =
    [
        "default_process_limit", "inet_interfaces", "inet_protocols", "compatibility_level", "config_directory", "postscreen_upstream_proxy_protocol",
        "postscreen_upstream_proxy_timeout",
    ];

    /// <summary>The lines for services.</summary>
    /// <param name="all">What is set for them, each name once.</param>
    /// <param name="classes">The names of <c>smtpd_restriction_classes</c>.</param>
    /// <param name="files">The files, where other services may refer to a name.</param>
    public static IEnumerable<ImportNote> Explain(IReadOnlyList<PostfixSetting> all, string classes, PostfixFiles files)
    {
        var settings = all.Where(setting => !ParameterImport.Takes(setting.Name) && !Elsewhere.Contains(setting.Name)
            && !IsRestrictions(setting.Name)).ToList();
        foreach (var (names, severity, reason) in Rules)
        {
            if (Take(settings, setting => names.Any(name => Fits(setting.Name, name))) is { Count: > 0 } found)
                yield return new ImportNote(severity, $"{Names(found)}: {reason}");
        }
        var referenced = files.Main.Entries.Values.Concat(files.Master.Entries.SelectMany(entry => entry.Overrides))
            .SelectMany(entry => MacroScan.Names(entry.Value, out _)).ToHashSet(StringComparer.Ordinal);
        var unknown = Take(settings, setting => !PostfixParameterNames.Contains(setting.Name) && !referenced.Contains(setting.Name)
            && !classes.Contains(setting.Name, StringComparison.Ordinal));
        if (unknown.Count > 0)
            yield return ImportNote.Warning(
                $"{Names(unknown)}: no Postfix release this program knows has it, and nothing refers to it; look for a typing error");
    }

    /// <summary>The names nothing has to be said of.</summary>
    public static IReadOnlyList<string> Untouched(IReadOnlyList<PostfixSetting> all) =>
    [
        .. all.Select(setting => setting.Name)
            .Where(name => !ParameterImport.Takes(name) && PostfixParameterNames.Contains(name) && !Elsewhere.Contains(name)
                && !Rules.Any(rule => rule.Names.Any(pattern => Fits(name, pattern))))
            .Order(StringComparer.Ordinal),
    ];

    private static bool IsRestrictions(string name) =>
        name.StartsWith("smtpd_", StringComparison.Ordinal) && name.EndsWith("_restrictions", StringComparison.Ordinal);

    private static List<PostfixSetting> Take(List<PostfixSetting> settings, Predicate<PostfixSetting> fits)
    {
        var found = settings.FindAll(fits);
        settings.RemoveAll(fits);
        return found;
    }

    private static bool Fits(string name, string pattern) => pattern.EndsWith('*') ? name.StartsWith(pattern[..^1], StringComparison.Ordinal) : name == pattern;

    private static string Names(IEnumerable<PostfixSetting> settings) => Printable.Text(string.Join(", ", settings.Select(setting => setting.Name)));
}
