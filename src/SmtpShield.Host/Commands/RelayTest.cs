using System.Net;
using SmtpShield.Mta;
using SmtpShield.Mta.Probing;
using SmtpShield.Options;
using SmtpShield.PostfixConf;

namespace SmtpShield.Host.Commands;

/// <summary>
/// Whether anybody may send mail anywhere through the shield: a session for a client with a documentation address (RFC 5737), which is nobody's and in no
/// network of the MTA's, with a recipient elsewhere. The MTA must refuse it. Without a handoff the client is the shield, as every
/// client is then. No content is sent.
/// </summary>
internal static class RelayTest
{
    private const string Parameter = "shield_upstream";

    // Each is a session with the MTA.
    private const int MostProxies = 8;

    private static readonly IPEndPoint Outsider = new(IPAddress.Parse("192.0.2.1"), 40000);
    private static readonly IPEndPoint Destination = new(IPAddress.Parse("198.51.100.1"), 25);
    private static readonly IPEndPoint DestinationV6 = new(IPAddress.Parse("2001:db8::1"), 25);

    /// <summary>Runs it.</summary>
    /// <returns><see langword="null"/>: it can't be done, because replies to an address that is not the shield's would not come back to it.</returns>
    public static async ValueTask<UpstreamProbe?> RunAsync(Prober prober, ShieldService service, string destination, CancellationToken cancellationToken) =>
        service.Unstressed.Upstream.ClientHandoff is ClientHandoff.Transparent
            ? null
            : await prober.ProbeAsync(service, destination, new(new(Outsider), Destination), RecipientOf(service), cancellationToken);

    /// <summary>What to say of it.</summary>
    public static IEnumerable<ConfigurationProblem> Judge(ShieldService service, string destination, UpstreamProbe? probe)
    {
        var location = new SourceLocation($"service {service.Name}");
        var isTold = service.Unstressed.Upstream.ClientHandoff is not ClientHandoff.None;
        var client = isTold ? $"{Outsider.Address}" : "the shield's own address";
        ConfigurationProblem NotTried(ProblemSeverity severity, string why) =>
            new(severity, location, Parameter, $"{destination}: whether it relays for anybody was not tried: {why}");

        yield return probe switch
        {
            null => NotTried(ProblemSeverity.Note, "with shield_client_handoff = transparent only a client elsewhere can"),
            { Relay.Code: >= 200 and < 300 } => ConfigurationProblem.Error(
                location,
                Parameter,
                $"open relay through the shield: {destination} takes mail from {client} to {RecipientOf(service)}",
                isTold ? "it must refuse recipients elsewhere; Postfix: smtpd_relay_restrictions, mynetworks"
                    : "the MTA takes every client for the shield: tell it who they are (shield_client_handoff), "
                        + "or take the shield's address off its list of those who may relay; Postfix: mynetworks"),
            { Relay.Code: >= 500 } => new(ProblemSeverity.Note, location, Parameter, $"{destination} refuses to relay for {client}: {probe.Relay?.FirstLine}"),
            { Relay: { } later } => NotTried(ProblemSeverity.Note, $"it answers {later.FirstLine}"),
            { Failure: { } failure } => NotTried(ProblemSeverity.Warning, failure),
            { Greeting: null } => NotTried(ProblemSeverity.Warning, $"connect to upstream {string.Join("; ", probe.Failures)}"),
            { Greeting: { Code: not 220 } greeting } => NotTried(ProblemSeverity.Note, $"it greets {client} with {greeting.FirstLine}"),
            _ => NotTried(ProblemSeverity.Warning, $"it answers EHLO with {probe.Ehlo?.FirstLine}"),
        };
    }

    /// <summary>
    /// Whether the MTA relays for addresses a load balancer may give for clients it does not know: loopback, and its own.
    /// Networks in <c>shield_proxy_sources</c> are not tried.
    /// </summary>
    /// <returns>Nothing when no PROXY header is read, or the MTA is not told who the client is.</returns>
    public static async ValueTask<IReadOnlyList<ConfigurationProblem>> ProxyProblemsAsync(
        Prober prober, ShieldService service, string destination, CancellationToken cancellationToken)
    {
        var options = service.Unstressed;
        if (options.Proxy.Protocol is not UpstreamProxyProtocol.Haproxy || options.Upstream.ClientHandoff is ClientHandoff.None or ClientHandoff.Transparent)
            return [];

        var trusted = new List<IPAddress>();
        foreach (var address in options.Proxy.Sources.Addresses.Prepend(IPAddress.Loopback).Distinct().Take(MostProxies))
        {
            var end = address.AddressFamily == Destination.AddressFamily ? Destination : DestinationV6;
            var client = new UpstreamClient(new(new IPEndPoint(address, Outsider.Port)), end);
            var probe = await prober.ProbeAsync(service, destination, client, RecipientOf(service), cancellationToken);
            if (probe.Relay is { Code: >= 200 and < 300 })
                trusted.Add(address);
        }

        return trusted.Count == 0 ? [] :
        [
            ConfigurationProblem.Warning(
                new SourceLocation($"service {service.Name}"),
                Parameter,
                $"{destination} takes mail from {string.Join(", ", trusted)} to {RecipientOf(service)}: "
                    + "whoever a load balancer takes for that address may relay (PROXY UNKNOWN, address translation, a port that is passed on)",
                "let the MTA trust it on another port only; Postfix: -o mynetworks= without it, in master.cf's entry of this one"),
        ];
    }

    // Not the MTA's own, as in a trial with an example name.
    private static string RecipientOf(ShieldService service) =>
        $"smtpshield-probe@{(service.Unstressed.Smtpd.MyHostname.EndsWith("example.org", StringComparison.OrdinalIgnoreCase) ? "example.net" : "example.org")}";
}
