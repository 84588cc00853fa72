using System.Net;
using SmtpShield.PostfixConf.Lists;
using SmtpShield.PostfixConf.MasterCf;

namespace SmtpShield.Host.Import;

/// <summary>A place where Postfix takes mail by SMTP.</summary>
/// <param name="Entry">The smtpd; null where there is only a main.cf.</param>
/// <param name="Front">Who listens: the smtpd itself, or the postscreen that hands clients to it.</param>
/// <param name="Host">The address before the colon of the service's name, without brackets; empty for all of <c>inet_interfaces</c>.</param>
/// <param name="Port">The port; 0 when its name is not known.</param>
/// <param name="Values">What is set for it: main.cf, and its overrides above it.</param>
internal sealed record SmtpdService(MasterCfEntry? Entry, MasterCfEntry? Front, string Host, int Port, ServiceValues Values)
{
    private const string NoPlaintext = "noplaintext";

    private ServiceTls? _tls;

    /// <summary>The name in master.cf of what listens.</summary>
    public string Name => Front?.Service ?? "smtp";

    /// <summary>Where its TLS ends behind the shield.</summary>
    public ServiceTls Tls => _tls ??= new(Values, IsWrapped, OffersTls);

    /// <summary>Whether the shield can stand before it.</summary>
    public bool CanBeShielded => !IsLoopback && Port > 0 && (!IsWrapped || Tls.Place == TlsPlace.Shield);

    /// <summary>Whether only programs of the host itself reach it.</summary>
    public bool IsLoopback => Host == "localhost" || (IPAddress.TryParse(Host, out var address) && IPAddress.IsLoopback(address));

    /// <summary>Whether it speaks TLS from the first octet.</summary>
    public bool IsWrapped => IsYes("smtpd_tls_wrappermode");

    /// <summary>Whether it offers STARTTLS.</summary>
    public bool OffersTls =>
        Values.Text("smtpd_tls_security_level") is var level && level.Length > 0 ? level != "none" : IsYes("smtpd_use_tls") || IsYes("smtpd_enforce_tls");

    /// <summary>Whether it takes no mail without TLS.</summary>
    public bool RequiresTls => Values.Text("smtpd_tls_security_level") is var level && level.Length > 0 ? level == "encrypt" : IsYes("smtpd_enforce_tls");

    /// <summary>Whether plain-text logins are possible over TLS only, which Postfix must no longer see to: behind the shield it sees no TLS.</summary>
    public bool NeedsAuthOnly => ForbidsPlaintext && Tls.Place == TlsPlace.Shield && !IsYes("smtpd_tls_auth_only");

    /// <summary>Whether Postfix takes no passwords outside of TLS.</summary>
    public bool ForbidsPlaintext => ListTokenizer.Split(Values.Text("smtpd_sasl_security_options")).Contains(NoPlaintext, StringComparer.OrdinalIgnoreCase);

    /// <summary>What lets it speak TLS 1.0 or 1.1, as in <c>smtpd_tls_protocols = &gt;=TLSv1</c>; empty where nothing does.</summary>
    public string OldTls
    {
        get
        {
            var name = IsWrapped || RequiresTls ? "smtpd_tls_mandatory_protocols" : "smtpd_tls_protocols";
            var value = Values.Find(name) is null ? PostfixDefaults.TlsProtocols : Values.Text(name);
            if (!TlsVersionsParser.TryParse(value, out var versions, out _) || !versions.NamesOlder)
                return "";
            return Values.Find(name) is null ? $"{name}, Postfix's default" : $"{name} = {value}";
        }
    }

    /// <summary>Whether a load balancer says who the client is.</summary>
    public bool HasProxyInFront => Values.Text("smtpd_upstream_proxy_protocol") == "haproxy";

    /// <summary>How many processes Postfix runs for it at most, one a session; 0 for no limit.</summary>
    public int ProcessLimit => int.TryParse(Entry?.ProcessLimit, out var limit) ? limit : Values.ProcessLimit;

    private bool IsYes(string name) => Values.Text(name).Equals("yes", StringComparison.OrdinalIgnoreCase);
}
