using SmtpShield.Mta;
using SmtpShield.Options;
using SmtpShield.PostfixConf;
using SmtpShield.Protocol;

namespace SmtpShield.Host.Commands;

/// <summary>Whether users can log in where they submit mail: the MTA behind a submission service (RFC 6409, RFC 8314) offers AUTH.</summary>
internal static class SubmissionTest
{
    private static readonly string[] Names = ["submission", "submissions", "smtps"];

    /// <summary>What to say of an MTA.</summary>
    /// <param name="service">The service.</param>
    /// <param name="destination">The MTA.</param>
    /// <param name="probe">A session with it.</param>
    public static IEnumerable<ConfigurationProblem> Judge(ShieldService service, string destination, UpstreamProbe probe)
    {
        var options = service.Unstressed;
        if (!IsSubmission(service.Name, options) || probe.Ehlo is not { Code: 250 } ehlo || EhloReply.Offers(ehlo.Text, "AUTH"u8))
            yield break;
        // Passed on to the MTA: what it offers in TLS is between it and the client.
        if (options.Tls.IsPassedOn && EhloReply.Offers(ehlo.Text, "STARTTLS"u8))
            yield break;

        yield return ConfigurationProblem.Error(
            new SourceLocation($"service {service.Name}"),
            "shield_upstream",
            $"{destination} offers no AUTH: nobody can log in to submit mail",
            options.Tls.IsTerminated && probe.Tls is null
                ? "the shield ends TLS, so the MTA sees clear text: let it take logins there (Postfix: -o smtpd_tls_auth_only=no, "
                    + "-o smtpd_sasl_security_options=noanonymous), or speak TLS with it (shield_upstream_tls_security_level = encrypt)"
                : "Postfix: -o smtpd_sasl_auth_enable=yes");
    }

    private static bool IsSubmission(string name, ShieldOptions options) =>
        Names.Contains(name) || options.Listener.Endpoints.Any(static endpoint => endpoint.Port is 465 or 587);
}
