using SmtpShield.Options;

namespace SmtpShield.Tests.Options;

public sealed class UpstreamValidatorTests
{
    private const string NoHandoff =
        "shield_client_handoff = none: the MTA takes every client for the shield; with the shield's address in its mynetworks it is an open relay, "
            + "and its own client limits, SPF, DNSBL and greylisting see one client (write shield_client_handoff = proxy-v2, proxy-v1, xclient or transparent)";
    private const string NoStartTls = ": clients are not offered STARTTLS, because the MTA does not offer it inside TLS and the shield has no certificate "
        + "(write smtpd_tls_chain_files = FILE, or smtpd_tls_security_level = none)";

    [Property("Hazard", "ID-11")]
    [TestCase("", "built-in default: " + NoHandoff)]
    [TestCase("shield_client_handoff = none\n", "main.cf, line 1: " + NoHandoff)]
    [TestCase("shield_client_handoff = proxy-v1\n")]
    [TestCase("shield_client_handoff = proxy-v2\n")]
    [TestCase("shield_client_handoff = transparent\n")]
    [TestCase("shield_client_handoff = xclient\n")]
    [TestCase("shield_client_handoff = xclient\nsmtpd_peername_lookup = no\n", "main.cf, line 2: shield_client_handoff = xclient with smtpd_peername_lookup = "
        + "no: the MTA takes the name of every client for unknown (write smtpd_peername_lookup = yes)")]
    [TestCase("shield_services = smtp submission\nshield_client_handoff = xclient\nsubmission/inet/shield_client_handoff = none\n",
        "main.cf, line 3: submission/inet/shield_client_handoff: " + NoHandoff)]
    [TestCase("shield_services = smtp submission\nsmtp/inet/shield_client_handoff = proxy-v2\nsubmission/inet/shield_client_handoff = proxy-v2\n")]
    public void Read_Handoff_IsWarnedOfWhereTheMtaDoesNotLearnWhoTheClientIs(string text, params string[] warnings) =>
        Assert.That(Said(text), Is.EqualTo(warnings.Select(static warning => $"Warning: {warning}")));

    [Property("Hazard", "TLS-16")]
    [TestCase("none")]
    [TestCase("may", "Warning: main.cf, line 2: shield_upstream_tls_security_level = may" + NoStartTls)]
    [TestCase("verify", "Warning: main.cf, line 2: shield_upstream_tls_security_level = verify" + NoStartTls)]
    [TestCase("encrypt", "Warning: main.cf, line 2: shield_upstream_tls_security_level = encrypt" + NoStartTls)]
    [TestCase("encrypt\nsmtpd_tls_security_level = none")]
    [TestCase("encrypt\nshield_upstream_tls_wrappermode = yes\nsmtpd_tls_security_level = none")]
    [TestCase("none\nshield_upstream_tls_wrappermode = yes", "Error: main.cf, line 3: shield_upstream_tls_wrappermode = yes, "
        + "but shield_upstream_tls_security_level = none (write shield_upstream_tls_security_level = encrypt or verify)")]
    public void Read_TlsWithTheMta_IsJudgedWithTheClients(string level, params string[] problems) =>
        Assert.That(Said($"shield_client_handoff = proxy-v2\nshield_upstream_tls_security_level = {level}\n"), Is.EqualTo(problems));

    [TestCase("shield_upstream_session_limit = 10\n", "Error: built-in default: shield_upstream_reserve = 10 leaves none of shield_upstream_session_limit = 10 "
        + "to clients that are not known yet (write shield_upstream_reserve = NUMBER below it)")]
    [TestCase("shield_upstream_session_limit = 11\n")]
    [TestCase("shield_upstream_session_limit = 0\nshield_upstream_reserve = 1000\n")]
    [TestCase("shield_upstream_reserve = 90\n", "Error: main.cf, line 2: shield_upstream_reserve = 90 leaves none of shield_upstream_session_limit = 90 to "
        + "clients that are not known yet (write shield_upstream_reserve = NUMBER below it)")]
    [TestCase("shield_upstream_client_share = 101\n", "Error: main.cf, line 2: "
        + "invalid shield_upstream_client_share parameter value 101 > 100 (write a whole number of at most 100)")]
    [TestCase("shield_upstream_queue_time = 0\n", "Error: main.cf, line 2: invalid shield_upstream_queue_time: 0 (min 1)")]
    [TestCase("shield_upstream_queue_time = 31\n", "Note: main.cf, line 2: "
        + "shield_upstream_queue_time and shield_upstream_greeting_timeout make a client wait for up to 61 s: many senders give up after 60 s")]
    [TestCase("shield_upstream_greeting_timeout = 31\n", "Note: built-in default: "
        + "shield_upstream_queue_time and shield_upstream_greeting_timeout make a client wait for up to 61 s: many senders give up after 60 s")]
    public void Read_SessionsAtTheMta_AreJudgedTogether(string text, params string[] problems) =>
        Assert.That(Said($"shield_client_handoff = proxy-v2\n{text}"), Is.EqualTo(problems));

    [TestCase("none\nsmtpd_tls_security_level = may", "Warning")]
    [TestCase("xclient\nsmtpd_tls_security_level = none")]
    [TestCase("proxy-v1", "Error: main.cf, line 1: shield_upstream_reuse = yes, but shield_client_handoff names the client once a connection: "
        + "the MTA would take all clients of a session for the first (write shield_upstream_reuse = no, or shield_client_handoff = xclient or none)")]
    [TestCase("proxy-v2", "Error: main.cf, line 1: shield_upstream_reuse = yes, but shield_client_handoff names the client once a connection: "
        + "the MTA would take all clients of a session for the first (write shield_upstream_reuse = no, or shield_client_handoff = xclient or none)")]
    [TestCase("transparent", "Error: main.cf, line 1: shield_upstream_reuse = yes, but shield_client_handoff names the client once a connection: "
        + "the MTA would take all clients of a session for the first (write shield_upstream_reuse = no, or shield_client_handoff = xclient or none)")]
    [TestCase("xclient", "Error: main.cf, line 1: shield_upstream_reuse = yes with shield_client_handoff = xclient, but STARTTLS is passed on: a client could "
        + "say XCLIENT inside TLS (write shield_upstream_reuse = no, smtpd_tls_chain_files = FILE or smtpd_tls_security_level = none)")]
    [TestCase("xclient\nsmtpd_tls_security_level = none\nshield_upstream_connect = connect", "Warning: main.cf, line 1: shield_upstream_reuse = yes has no "
        + "effect with shield_upstream_connect = connect: the MTA greets each client itself (write shield_upstream_connect = auto or mail)")]
    [TestCase("xclient\nsmtpd_tls_security_level = none\nshield_upstream_reuse_time = 0",
        "Error: main.cf, line 4: invalid shield_upstream_reuse_time: 0 (min 1)")]
    [Property("Pool", "REUSE-11")]
    public void Read_Reuse_IsForHandoffsThatCanNameAnotherClient(string handoff, params string[] problems) =>
        Assert.That(Said($"shield_upstream_reuse = yes\nshield_client_handoff = {handoff}\n"),
            Is.EqualTo(problems is ["Warning"] ? ["Warning: main.cf, line 2: " + NoHandoff] : problems));

    [TestCase("session_limit", "50", "90")]
    [TestCase("reserve", "20", "10")]
    [TestCase("client_share", "10", "0")]
    public void Read_ServicesWithADestinationInCommon_HaveTheSameTerms(string name, string value, string others)
    {
        const string Services = "shield_client_handoff = proxy-v2\nshield_services = smtp submission\nsubmission/inet/shield_listen = 127.0.0.1:587\n";
        var own = $"submission/inet/shield_upstream_{name} = {value}\n";

        Assert.That(Said(Services + own), Is.EqualTo(new[]
        {
            $"Error: main.cf, line 4: submission/inet/shield_upstream_{name}: shield_upstream_{name} is {value} for submission and {others} for smtp, "
                + $"which have 127.0.0.1:10025 in common (write one shield_upstream_{name} for both)",
        }));
        Assert.That(Said(Services + own + "submission/inet/shield_upstream = 127.0.0.1:10587\n"), Is.Empty);
    }

    private static string[] Said(string text)
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, text);
            return [.. ShieldConfiguration.Load(path, [])
                .Problems.Select(problem => $"{problem.Severity}: {problem}".Replace(path, "main.cf", StringComparison.Ordinal))];
        }
        finally
        {
            File.Delete(path);
        }
    }
}
