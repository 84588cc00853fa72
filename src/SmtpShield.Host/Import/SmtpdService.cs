using System.Net;
using SmtpShield.Configuration.MasterCf;

namespace SmtpShield.Host.Import;

/// <summary>A place where Postfix takes mail by SMTP.</summary>
/// <param name="Entry">The smtpd; null where there is only a main.cf.</param>
/// <param name="Front">Who listens: the smtpd itself, or the postscreen that hands clients to it.</param>
/// <param name="Host">The address before the colon of the service's name, without brackets; empty for all of <c>inet_interfaces</c>.</param>
/// <param name="Port">The port; 0 when its name is not known.</param>
/// <param name="Values">What is set for it: main.cf, and its overrides above it.</param>
internal sealed record SmtpdService(MasterCfEntry? Entry, MasterCfEntry? Front, string Host, int Port, ServiceValues Values)
{
    /// <summary>The name in master.cf of what listens.</summary>
    public string Name => Front?.Service ?? "smtp";

    /// <summary>Whether only programs of the host itself reach it.</summary>
    public bool IsLoopback => Host == "localhost" || (IPAddress.TryParse(Host, out var address) && IPAddress.IsLoopback(address));

    /// <summary>Whether it speaks TLS from the first octet, which the shield cannot read.</summary>
    public bool IsWrapped => Values.Text("smtpd_tls_wrappermode").Equals("yes", StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether it offers STARTTLS.</summary>
    public bool OffersTls => Values.Text("smtpd_tls_security_level") is not ("" or "none") || Values.Text("smtpd_use_tls").Equals("yes", StringComparison.OrdinalIgnoreCase);

    /// <summary>How many processes Postfix runs for it at most, one a session; 0 for no limit.</summary>
    public int ProcessLimit => int.TryParse(Entry?.ProcessLimit, out var limit) ? limit : int.TryParse(Values.Text("default_process_limit"), out limit) ? limit : PostfixDefaults.ProcessLimit;
}
