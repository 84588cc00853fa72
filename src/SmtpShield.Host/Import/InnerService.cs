using SmtpShield.Options;
using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.Values;

namespace SmtpShield.Host.Import;

/// <summary>The smtpd that takes a service's place behind the shield, as commands of postconf(1).</summary>
/// <param name="files">Postfix's files.</param>
/// <param name="service">The service as it is.</param>
/// <param name="port">The port of 127.0.0.1 it moves to.</param>
internal sealed class InnerService(PostfixFiles files, SmtpdService service, int port)
{
    private const string DefaultDirectory = "/etc/postfix";
    private const int ShortestTimeout = 600;

    /// <summary>
    /// The <c>syslog_name</c> it gets, with the name of the service behind it where that is not <c>smtp</c>: how an import knows its own entries again.
    /// </summary>
    public const string SyslogName = "shielded";

    private const string BareNewlineExclusions = "smtpd_forbid_bare_newline_exclusions";

    // Far above what any session reaches: the shield has ended it before.
    private const string NoLimit = "1000";

    private static readonly string[] ConnectionLimits =
    [
        "smtpd_client_connection_count_limit", "smtpd_client_connection_rate_limit", "smtpd_client_new_tls_session_rate_limit",
    ];

    private static readonly string[] CommandLimits = ["smtpd_client_message_rate_limit", "smtpd_client_recipient_rate_limit", "smtpd_client_auth_rate_limit"];

    // The shield sees all commands: none are hidden in TLS.
    private bool IsSeenWhole => service.Tls.Place != TlsPlace.Postfix;

    /// <summary>Its address, as in <c>shield_upstream</c>.</summary>
    public string Address => $"127.0.0.1:{port}";

    /// <summary>The edits of master.cf: make it, comment the old one out.</summary>
    public IReadOnlyList<MasterCfEdit> Edits => [new("-M", EntryParts), new("-M#", [$"{service.Name}/inet"])];

    /// <summary>The same as commands for a shell.</summary>
    public IEnumerable<string> Commands
    {
        get
        {
            foreach (var edit in Edits)
            {
                for (var i = 0; i < edit.Parts.Count; i++)
                    yield return $"{(i == 0 ? $"{Postconf} {edit.Option} " : "")}{Quote(edit.Parts[i])}{(i < edit.Parts.Count - 1 ? "\\" : "")}";
            }
        }
    }

    private IReadOnlyList<string> EntryParts =>
    [
        $"{Address}/inet={Address} inet n - {service.Entry?.Chroot ?? "y"} - {service.ProcessLimit} smtpd",
        .. (service.Entry?.Options ?? []).Select(option => " " + option),
        .. Overrides.Select(item => $" -o {Assignment(item.Name, item.Value)}"),
    ];

    /// <summary>The command that puts it in force.</summary>
    public string Reload => files.Directory == DefaultDirectory
        ? "postfix check && postfix reload"
        : $"postfix -c {Quote(files.Directory)} check && postfix -c {Quote(files.Directory)} reload";

    /// <summary>The command that shows it.</summary>
    public string Show => $"{Postconf} -P {Quote($"{Address}/inet/*")}";

    /// <summary>The directory as an argument of a command.</summary>
    public string MasterCf => Quote($"{files.Directory}/master.cf");

    /// <summary><c>smtpd_timeout</c>: longer than the shield's, which knows the client's address and should be the one to end an idle session.</summary>
    private string Timeout =>
        PostfixTime.TryParse(service.Values.Text("smtpd_timeout"), 's', out var seconds) ? $"{Math.Max(ShortestTimeout, 2 * seconds)}s" : $"{ShortestTimeout}s";

    private string Postconf => files.Directory == DefaultDirectory ? "postconf" : $"postconf -c {Quote(files.Directory)}";

    /// <summary>The settings of the old service, then those a service behind the shield needs; the latter win.</summary>
    private IEnumerable<(string Name, string Value)> Overrides
    {
        get
        {
            var needed = Needed.ToList();
            var own = (service.Entry?.Overrides ?? []).Select(item => item.Name).ToHashSet(StringComparer.Ordinal);
            var kept = service.Values.Settings.Where(setting => own.Contains(setting.Name) && !needed.Exists(item => item.Name == setting.Name))
                .Select(setting => (setting.Name, setting.Value));
            return kept.Concat(needed);
        }
    }

    private IEnumerable<(string Name, string Value)> Needed
    {
        get
        {
            yield return ("syslog_name", service.Name == ServiceOptions.DefaultName ? SyslogName : $"{SyslogName}/{service.Name}");
            yield return ("smtpd_upstream_proxy_protocol", "haproxy");
            if (service.Tls.Place == TlsPlace.Shield)
            {
                yield return ("smtpd_tls_security_level", "none");
                yield return ("smtpd_tls_wrappermode", "no");
                yield return ("smtpd_tls_auth_only", "no");
                if (service.ForbidsPlaintext)
                    yield return ("smtpd_sasl_security_options",
                        service.Values.Find("smtpd_sasl_tls_security_options") is null ? "noanonymous" : "$smtpd_sasl_tls_security_options");
            }
            foreach (var name in IsSeenWhole ? ConnectionLimits.Concat(CommandLimits) : ConnectionLimits)
                yield return (name, "0");
            yield return ("smtpd_error_sleep_time", "0");
            if (IsSeenWhole)
            {
                yield return ("smtpd_hard_error_limit", NoLimit);
                yield return ("smtpd_junk_command_limit", NoLimit);
            }
            yield return ("smtpd_timeout", Timeout);
            yield return ("stress", "");
            if (service.Values.Find(BareNewlineExclusions) is not null)
                yield return (BareNewlineExclusions, "");
        }
    }

    private static string Assignment(string name, string value) => value.Any(Ascii.IsSpace) ? $"{{ {name} = {value} }}" : $"{name}={value}";

    private static string Quote(string text) =>
        text.All(c => char.IsAsciiLetterOrDigit(c) || "/._-:".Contains(c, StringComparison.Ordinal))
            ? text
            : $"'{text.Replace("'", @"'\''", StringComparison.Ordinal)}'";
}
