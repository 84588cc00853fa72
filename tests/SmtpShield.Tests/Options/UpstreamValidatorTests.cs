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
