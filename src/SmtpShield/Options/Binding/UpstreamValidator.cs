using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.Files;
using SmtpShield.PostfixConf.Parameters;

namespace SmtpShield.Options.Binding;

/// <summary>Checks what a service's parameters say together about its MTA: who the MTA takes its clients for, and whose TLS it is.</summary>
/// <param name="locate">Where a name was written.</param>
/// <param name="problems">Receives the problems.</param>
/// <param name="files">Reads the files that values name.</param>
internal sealed class UpstreamValidator(Func<string, SourceLocation> locate, ICollection<ConfigurationProblem> problems, ConfigurationFiles files)
{
    private const string Handoff = "shield_client_handoff";
    private const string Level = "shield_upstream_tls_security_level";
    private const string Authorities = "shield_upstream_tls_CAfile";
    private const string WrapperMode = "shield_upstream_tls_wrappermode";

    /// <summary>Adds every problem.</summary>
    /// <param name="options">The options of all services.</param>
    public void Validate(ShieldOptions options)
    {
        foreach (var (service, own) in options.Services)
        {
            ValidateHandoff(service, own);
            ValidateTls(service, own);
            ValidateAuthorities(service, own.UpstreamTls.CAFile);
        }
    }

    private void ValidateHandoff(string service, ShieldOptions own)
    {
        if (own.Upstream.ClientHandoff == ClientHandoff.None)
        {
            Warn(
                Written(service, Handoff),
                $"{Handoff} = none: the MTA takes every client for the shield; with the shield's address in its mynetworks it is an open relay, "
                    + "and its own client limits, SPF, DNSBL and greylisting see one client",
                $"write {Handoff} = proxy-v2, proxy-v1, xclient or transparent");
        }
        else if (own.Upstream.ClientHandoff == ClientHandoff.Xclient && !own.Smtpd.PeernameLookup)
        {
            Warn(Written(service, "smtpd_peername_lookup"),
                $"{Handoff} = xclient with smtpd_peername_lookup = no: the MTA takes the name of every client for unknown",
                "write smtpd_peername_lookup = yes");
        }
    }

    private void ValidateTls(string service, ShieldOptions own)
    {
        if (own.UpstreamTls.SecurityLevel == UpstreamTlsSecurityLevel.None)
        {
            if (own.UpstreamTls.WrapperMode)
                problems.Add(ConfigurationProblem.Error(locate(Written(service, WrapperMode)), WrapperMode, $"{WrapperMode} = yes, but {Level} = none",
                    $"write {Level} = encrypt or verify"));
        }
        else if (!own.Tls.HasCertificate && own.Tls.SecurityLevel != TlsSecurityLevel.None)
        {
            Warn(
                Written(service, Level),
                $"{Level} = {own.UpstreamTls.SecurityLevel.ToString().ToLowerInvariant()}: clients are not offered STARTTLS, "
                    + "because the MTA does not offer it inside TLS and the shield has no certificate",
                "write smtpd_tls_chain_files = FILE, or smtpd_tls_security_level = none");
        }
    }

    // Without them no dial succeeds: every client would get 421.
    private void ValidateAuthorities(string service, string file)
    {
        if (file.Length == 0)
            return;
        var error = files.TryRead(file, out var text, out var failure) && CertificateAuthorities.TryParse(text, out _, out failure) ? "" : failure;
        if (error.Length > 0 && Written(service, Authorities) is var parameter)
            problems.Add(ConfigurationProblem.Error(locate(parameter), parameter, $"{parameter}: {error}",
                "write the PEM file with the certificates of the MTA's authorities, readable for the shield"));
    }

    private string Written(string service, string name) =>
        ServiceParameter.Write(service, name) is var own && locate(own) != SourceLocation.Default ? own : name;

    private void Warn(string parameter, string message, string hint) => problems.Add(ConfigurationProblem.Warning(locate(parameter), parameter, message, hint));
}
