using System.Text;
using SmtpShield.Options.Parameters;
using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.Files;
using SmtpShield.PostfixConf.Values;

namespace SmtpShield.Options.Binding;

/// <summary>Checks what a single parameter's type and range cannot say: names, paths, and parameters that contradict each other.</summary>
internal sealed class OptionsValidator(ParameterTable table, ICollection<ConfigurationProblem> problems)
{
    private static readonly string[] Facilities =
    [
        "auth", "authpriv", "cron", "daemon", "ftp", "kern", "lpr", "mail", "news", "security", "syslog", "user", "uucp",
        "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
    ];

    /// <summary>Adds every problem.</summary>
    public void Validate(ShieldOptions options)
    {
        Require("myhostname", HostName.IsValid(options.Smtpd.MyHostname), options.Smtpd.MyHostname,
            "write a fully qualified host name, as in mail.example.com");
        Require("syslog_facility", Facilities.Contains(options.Log.SyslogFacility), options.Log.SyslogFacility,
            "write a syslog facility: mail, daemon, local0 to local7, ...");
        Require("syslog_name", IsTag(options.Log.SyslogName), options.Log.SyslogName, "write one word without [ ] and :");
        Require("maillog_file", options.Log.MaillogFile.Length == 0 || Path.IsPathFullyQualified(options.Log.MaillogFile), options.Log.MaillogFile,
            "write the full path of a file");
        if (options.Log.MaillogFile is not ("/dev/stdout" or "/dev/stderr") && RegularFile.WhyNotWritten(options.Log.MaillogFile) is { Length: > 0 } whyNot)
            Fail("maillog_file", $"maillog_file: {options.Log.MaillogFile}: {whyNot}", "name a file, which need not be there yet");
        Require("shield_event_log_file", options.Log.EventLogFile.Length == 0 || Path.IsPathFullyQualified(options.Log.EventLogFile), options.Log.EventLogFile,
            "write the full path of a file");
        if (options.Log.EventLogFile.Length > 0 && options.Log.EventLogFile == options.Log.MaillogFile)
            Fail("shield_event_log_file", "shield_event_log_file and maillog_file are the same file", "give each a file of its own");
        Require("shield_control_socket", IsSocketPath(options.Control.Socket), options.Control.Socket,
            $"write the full path of a socket, of at most {ControlOptions.MaxPathLength} octets; empty for none");
        Require("shield_state_directory", options.Control.StateDirectory.Length == 0 || Path.IsPathFullyQualified(options.Control.StateDirectory),
            options.Control.StateDirectory, "write the full path of a directory; empty to keep nothing");
        Require("shield_admin_users_file", options.Control.AdminUsersFile.Length == 0 || Path.IsPathFullyQualified(options.Control.AdminUsersFile),
            options.Control.AdminUsersFile, "write the full path of a file");
        foreach (var host in options.Control.AdminHosts.Where(static host => !HostName.IsValid(host)))
            Require("shield_admin_hosts", false, host, "write host names, as in shield.example.com");
        Require("mynetworks_style", table.Expand(table.Find("mynetworks_style") ?? "").Text is "host" or "subnet" or "class", table.Find("mynetworks_style")
            ?? "", "write host, subnet or class");
        foreach (var keyword in options.Smtpd.PassEhloKeywords.Where(keyword => !IsKeyword(keyword)))
            Require("shield_pass_ehlo_keywords", false, keyword, "an EHLO keyword has letters, digits and hyphens");
        foreach (var rule in options.Bans.Rules.Where(static rule => !BanOptions.KnownRules.Contains(rule)))
            Require("shield_ban_rules", false, rule, $"there are {string.Join(", ", BanOptions.KnownRules)}");
        if (options.Proxy.Protocol != UpstreamProxyProtocol.None && options.Proxy.Sources.IsEmpty)
            Fail("smtpd_upstream_proxy_protocol",
                "smtpd_upstream_proxy_protocol = haproxy needs shield_proxy_sources: anybody else could say he is somebody else",
                "write shield_proxy_sources = ADDRESS, the proxy's address or network");
        if (options.Tls.WrapperMode && !options.Tls.IsTerminated)
            Fail("smtpd_tls_wrappermode", $"{(table.Service is { } service ? $"service {service}: " : "")}smtpd_tls_wrappermode = yes needs a certificate",
                "write smtpd_tls_chain_files = FILE, and smtpd_tls_security_level = may or encrypt");
        ValidateSharing(options.Sharing, options.Anvil.RateWindow);
        var enforced = ShadowLimits.EnforcedBy(options);
        foreach (var rule in ShadowRules.All.Where(rule => options.Shadow.Rules.Names.Contains(rule.Name) && rule.IsOff(enforced)))
        {
            problems.Add(ConfigurationProblem.Warning(table.Locate("shield_shadow"), table.WrittenName("shield_shadow"),
                $"shield_shadow: {rule.Name} is off, so there is nothing to judge", $"write {rule.Name}=VALUE to judge a value beside it"));
        }
    }

    private void ValidateSharing(SharingOptions sharing, RateWindow window)
    {
        if (SharedStoreList.TryRead(sharing.Store, out _) is { } wrong)
            Fail("shield_shared_store", $"shield_shared_store: {wrong}", "write redis://HOST:PORT, rediss://HOST:PORT or unix:/path");
        if (sharing.Store.Length > 0 && window == RateWindow.Sliding)
        {
            Fail("shield_rate_window", "shield_rate_window = sliding: such rates can't be shared over shield_shared_store",
                "write shield_rate_window = fixed, or shield_shared_store =");
        }

        Require("shield_shared_prefix", IsPrefix(sharing.Prefix), sharing.Prefix, "write 1 to 32 letters, digits, _ and -");
        var shortest = TimeSpan.FromSeconds((double)SharingOptions.ExchangesOfALease / sharing.ExchangeRate);
        if (sharing.Lease < shortest || sharing.Lease > SharingOptions.LongestLease)
        {
            Fail("shield_shared_lease",
                $"shield_shared_lease = {sharing.Lease.TotalSeconds:0}s is too long, or too short for {sharing.ExchangeRate} exchanges a second",
                $"write 3s to 300s, and at least {SharingOptions.ExchangesOfALease} exchanges");
        }

        if (sharing.PasswordFile.Length > 0 && PasswordFile.WhyNot(sharing.PasswordFile) is { Length: > 0 } open)
        {
            Fail("shield_shared_password_file", $"shield_shared_password_file: {sharing.PasswordFile}: {open}",
                "name a file that the shield can read, and others can't (chmod 0640)");
        }

        if (sharing.CAFile.Length > 0 && !CertificateAuthorities.TryRead(sharing.CAFile, out _, out var error))
            Fail("shield_shared_tls_CAfile", $"shield_shared_tls_CAfile: {sharing.CAFile}: {error}", "name a file with PEM certificates");
    }

    private static bool IsPrefix(string prefix) => prefix.Length is > 0 and <= 32 && prefix.All(static c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-');

    private static bool IsSocketPath(string path) =>
        path.Length == 0 || (Path.IsPathFullyQualified(path) && Encoding.UTF8.GetByteCount(path) <= ControlOptions.MaxPathLength && !path.Any(char.IsControl));

    private static bool IsTag(string name) => name.Length is > 0 and <= 64 && name.All(c => c is > ' ' and <= '~' and not ('[' or ']' or ':'));

    private static bool IsKeyword(string word) => char.IsAsciiLetterOrDigit(word[0]) && word.All(c => char.IsAsciiLetterOrDigit(c) || c == '-');

    private void Require(string parameter, bool holds, string value, string hint)
    {
        if (!holds)
            Fail(parameter, $"bad parameter value: {table.WrittenName(parameter)} = {value}", hint);
    }

    private void Fail(string parameter, string message, string hint) =>
        problems.Add(ConfigurationProblem.Error(table.Locate(parameter), table.WrittenName(parameter), message, hint));
}
