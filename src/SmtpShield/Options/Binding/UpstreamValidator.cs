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
    private const string SessionLimit = "shield_upstream_session_limit";
    private const string SessionReserve = "shield_upstream_reserve";
    private const string Reuse = "shield_upstream_reuse";
    private const string QueueTime = "shield_upstream_queue_time";

    // Many senders wait no longer for the reply to MAIL, whatever RFC 5321 says.
    private static readonly TimeSpan s_patienceOfSenders = TimeSpan.FromSeconds(60);

    /// <summary>Adds every problem.</summary>
    /// <param name="options">The options of all services.</param>
    public void Validate(ShieldOptions options)
    {
        foreach (var (service, own) in options.Services)
        {
            ValidateHandoff(service, own);
            ValidateTls(service, own);
            ValidateAuthorities(service, own.UpstreamTls.CAFile);
            ValidateSessions(service, own.Upstream);
            if (own.Upstream.Reuse)
                ValidateReuse(service, own);
        }

        ValidateSharedSessions(options.Services);
    }

    private void ValidateSessions(string service, UpstreamOptions own)
    {
        if (own.SessionLimit > 0 && own.SessionReserve >= own.SessionLimit)
        {
            Fail(
                Written(service, SessionReserve),
                $"{SessionReserve} = {own.SessionReserve} leaves none of {SessionLimit} = {own.SessionLimit} to clients that are not known yet",
                $"write {SessionReserve} = NUMBER below it");
        }

        if (own.QueueTime + own.GreetingTimeout is var wait && wait > s_patienceOfSenders && Written(service, QueueTime) is var parameter)
        {
            problems.Add(new(
                ProblemSeverity.Note,
                locate(parameter),
                parameter,
                $"{QueueTime} and shield_upstream_greeting_timeout make a client wait for up to {wait.TotalSeconds:0} s: "
                    + $"many senders give up after {s_patienceOfSenders.TotalSeconds:0} s"));
        }
    }

    private void ValidateReuse(string service, ShieldOptions own)
    {
        var parameter = Written(service, Reuse);
        switch (own.Upstream.ClientHandoff)
        {
            case ClientHandoff.ProxyV1 or ClientHandoff.ProxyV2 or ClientHandoff.Transparent:
                Fail(parameter, $"{Reuse} = yes, but {Handoff} names the client once a connection: the MTA would take all clients of a session for the first",
                    $"write {Reuse} = no, or {Handoff} = xclient or none");
                break;
            case ClientHandoff.Xclient when own.Tls.IsPassedOn:
                Fail(parameter, $"{Reuse} = yes with {Handoff} = xclient, but STARTTLS is passed on: a client could say XCLIENT inside TLS",
                    $"write {Reuse} = no, smtpd_tls_chain_files = FILE or smtpd_tls_security_level = none");
                break;
        }

        if (own.Upstream.Connect == UpstreamConnect.Connect)
            Warn(parameter, $"{Reuse} = yes has no effect with shield_upstream_connect = connect: the MTA greets each client itself",
                "write shield_upstream_connect = auto or mail");
    }

    // The MTA's sessions are counted once, whichever service they are of: how many there may be, and for whom, can't be two things at the same time.
    private void ValidateSharedSessions(IReadOnlyDictionary<string, ShieldOptions> services)
    {
        var first = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (service, own) in services)
        {
            foreach (var destination in own.Upstream.Destinations.Select(static destination => destination.ToString()))
            {
                if (first.TryAdd(destination, service) || first[destination] == service)
                    continue;

                var other = services[first[destination]].Upstream;
                RequireSame(SessionLimit, own.Upstream.SessionLimit, other.SessionLimit);
                RequireSame(SessionReserve, own.Upstream.SessionReserve, other.SessionReserve);
                RequireSame("shield_upstream_client_share", own.Upstream.ClientShare, other.ClientShare);

                void RequireSame(string name, int value, int others)
                {
                    if (value != others)
                        Fail(Written(service, name), $"{name} is {value} for {service} and {others} for {first[destination]}, "
                            + $"which have {destination} in common", $"write one {name} for both");
                }
            }
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

    private void Fail(string parameter, string message, string hint) => problems.Add(ConfigurationProblem.Error(locate(parameter), parameter, message, hint));

    private void Warn(string parameter, string message, string hint) => problems.Add(ConfigurationProblem.Warning(locate(parameter), parameter, message, hint));
}
