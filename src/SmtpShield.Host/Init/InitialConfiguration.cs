using SmtpShield.Host.Import;

namespace SmtpShield.Host.Init;

/// <summary>A first configuration: what must be said, and limits that are only judged until somebody has seen whom they would have hit.</summary>
internal static class InitialConfiguration
{
    // What the normal clients of a rehearsal do not notice, and its attackers do.
    private static readonly string[] _shadow =
    [
        "smtpd_client_connection_rate_limit=60", "smtpd_client_message_rate_limit=100", "smtpd_client_recipient_rate_limit=500",
        "smtpd_client_auth_rate_limit=20", "shield_client_auth_failure_rate_limit=10", "shield_client_error_rate_limit=60",
    ];

    /// <summary>Makes its text.</summary>
    /// <param name="answers">What it is made of.</param>
    /// <param name="path">Where it will be, as commands in its comments name it.</param>
    public static string Of(InitAnswers answers, string path)
    {
        var text = new ImportText();
        text.Comment($"SmtpShield's configuration, in the syntax of Postfix's main.cf. Check it with: smtpshield check -c {path}");
        text.Comment("A saved file takes effect by itself within a second, except shield_listen and shield_services.");

        text.Heading("Where clients come from, and where they go");
        text.Comment("Where the shield listens.");
        text.Line("shield_listen = 0.0.0.0:25, [::]:25");
        text.Blank();
        text.Comment("The MTA. Several are separated by commas.");
        text.Line($"shield_upstream = {answers.Mta}");
        text.Blank();
        text.Comment("The name in the shield's own replies and log lines: the MTA's own, so that a client sees one server.");
        text.Line($"myhostname = {answers.Hostname}");
        text.Blank();
        AddHandoff(text, answers.Kind);
        text.Blank();
        AddBalancers(text, answers.Balancers);

        text.Heading("TLS");
        AddCertificate(text, answers.Certificate);

        text.Heading("Limits in force");
        text.Comment("Connections one client may have open at the same time: Postfix's default, far above what mail servers need.");
        text.Line("smtpd_client_connection_count_limit = 50");
        text.Comment("Limits on errors, junk commands and silence have Postfix's defaults: smtpshield postconf -d lists them.");
        text.Blank();
        text.Comment("Hosts of yours that must never be limited, as monitoring and backup MXes. Without the line: this host's own addresses.");
        text.Disabled("mynetworks = 127.0.0.0/8 [::1]/128 192.0.2.0/24");

        text.Heading("Limits in shadow");
        text.Comment("What one client may do in this time.");
        text.Line("anvil_rate_time_unit = 60s");
        text.Blank();
        text.Comment("These are judged and refuse nobody: what each would have done is in the log, and in smtpshield shadow report.");
        text.Line($"shield_shadow = {string.Join(",\n    ", _shadow)}");

        text.Heading("The plan");
        text.Comment($"1. smtpshield rehearse -c {path} plays normal traffic and attacks to this file, on loopback.", "   ");
        text.Comment(Switch(answers.Kind), "   ");
        text.Comment(
            "3. After a week: smtpshield shadow report says whom each limit would have hit, and smtpshield suggest what clients that deliver mail need.",
            "   ");
        text.Comment(
            "4. Put in force what hits nobody of yours: write it as a line of its own, NAME = VALUE, and take it out of shield_shadow. One limit a day.",
            "   ");
        return text.ToString();
    }

    private static void AddHandoff(ImportText text, MtaKind kind)
    {
        switch (kind)
        {
            case MtaKind.Postfix:
                text.Comment("How Postfix learns who the client is: a PROXY header. Its smtpd must expect one "
                    + "(smtpd_upstream_proxy_protocol = haproxy), and only this host may reach it: docs/tasks/put-it-before-postfix.md.");
                text.Line("shield_client_handoff = proxy-v2");
                break;
            case MtaKind.Exchange:
                text.Comment("How Exchange learns who the client is: the connection comes from the client's address, and Exchange's answers must lead "
                    + "back through this host: docs/tasks/exchange-with-transparent-mode.md.");
                text.Line("shield_client_handoff = transparent");
                text.Comment("Exchange takes 20 connections of one address by default; some are left for its own.");
                text.Line("shield_upstream_session_limit = 18");
                text.Line("shield_upstream_reserve = 2");
                break;
            default:
                text.Comment("How the MTA learns who the client is. With none every client is this host to it: it must not relay for this host's address, and "
                    + "its own limits and lists by address must be off. Better, if it can: proxy-v2, proxy-v1, xclient or transparent: "
                    + "docs/tasks/tell-the-mta-who-the-client-is.md.");
                text.Line("shield_client_handoff = none");
                break;
        }
    }

    private static void AddBalancers(ImportText text, string balancers)
    {
        if (balancers.Length == 0)
        {
            text.Comment("Clients connect themselves. Behind a load balancer that sends a PROXY header (docs/tasks/behind-haproxy.md), with its addresses:");
            text.Disabled("smtpd_upstream_proxy_protocol = haproxy");
            text.Disabled("shield_proxy_sources = 192.0.2.8");
            return;
        }

        text.Comment("Clients come through load balancers, which say in a PROXY header who it is. Nobody else may connect: docs/tasks/behind-haproxy.md.");
        text.Line("smtpd_upstream_proxy_protocol = haproxy");
        text.Line($"shield_proxy_sources = {balancers}");
    }

    private static void AddCertificate(ImportText text, string certificate)
    {
        text.Comment("A file with a private key and, behind it, its certificate, which the user smtpshield can read. With it the shield ends TLS and sees "
            + "commands inside; without it STARTTLS is passed on, and only limits on connections hold there: docs/tasks/end-tls-at-the-shield.md.");
        if (certificate.Length == 0)
            text.Disabled("smtpd_tls_chain_files = /etc/smtpshield/tls/chain.pem");
        else
            text.Line($"smtpd_tls_chain_files = {certificate}");
    }

    private static string Switch(MtaKind kind) => "2. Put the shield before the MTA: docs/tasks/" + kind switch
    {
        MtaKind.Postfix => "put-it-before-postfix.md (for a Postfix on this host smtpshield import --apply does it, and writes its own file).",
        MtaKind.Exchange => "exchange-with-transparent-mode.md.",
        _ => "tell-the-mta-who-the-client-is.md.",
    };
}
