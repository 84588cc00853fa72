using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using SmtpShield.Mta;
using SmtpShield.Mta.Probing;
using SmtpShield.Options;
using SmtpShield.PostfixConf;

namespace SmtpShield.Host.Commands;

/// <summary>
/// <c>smtpshield check --probe</c>: a session with every MTA of every service, as the shield would have it, without a client, and one
/// for a client that is nobody's.
/// </summary>
internal static class MtaProbe
{
    private const string Parameter = "shield_upstream";

    /// <summary>Runs it.</summary>
    /// <param name="options">The options of all services.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>An error for each MTA that can't serve or should not, else notes of what it is.</returns>
    public static async Task<IReadOnlyList<ConfigurationProblem>> RunAsync(ShieldOptions options, CancellationToken cancellationToken)
    {
        var snapshot = new ShieldSnapshot(options);
        await using var application = Build(snapshot);
        var pool = application.Services.GetRequiredService<UpstreamPool>();
        var prober = application.Services.GetRequiredService<Prober>();
        var problems = new List<ConfigurationProblem>();
        foreach (var name in options.Services.Keys)
        {
            var service = new ShieldService(name, snapshot);
            foreach (var destination in pool.DestinationsOf(name))
            {
                var own = await prober.ProbeAsync(service, destination, client: null, relaysTo: null, cancellationToken);
                problems.AddRange(Judge(service, destination, own));
                if (IsAllThereIs(own, service.Unstressed.Upstream.ClientHandoff))
                    continue;

                var outsider = await RelayTest.RunAsync(prober, service, destination, cancellationToken);
                problems.AddRange(RelayTest.Judge(service, destination, outsider));
                if (outsider is not { Relay.Code: >= 200 and < 300 })
                    problems.AddRange(await RelayTest.ProxyProblemsAsync(prober, service, destination, cancellationToken));
                problems.AddRange(SubmissionTest.Judge(service, destination, outsider?.Ehlo is { Code: 250 } ? outsider : own));
            }
        }

        problems.AddRange(MtaProcessLimit.ProblemsOf(options, MtaProcessLimit.PostfixDirectory));
        return problems;
    }

    // The MTA would say the same of a client: it can't be reached, does not take EHLO, or knows no client from the shield.
    private static bool IsAllThereIs(UpstreamProbe own, ClientHandoff handoff) =>
        own is { Greeting: null } or { Failure: not null }
        || (own.Ehlo is not { Code: 250 } && (own.Greeting is { Code: 220 } || handoff is ClientHandoff.None));

    // Never started: only what dials is used.
    private static WebApplication Build(ShieldSnapshot snapshot)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore();
        builder.Services.AddRouting();
        builder.Services.AddSingleton(snapshot).AddUpstream();
        var application = builder.Build();
        application.MapUpstream();
        return application;
    }

    private static IEnumerable<ConfigurationProblem> Judge(ShieldService service, string destination, UpstreamProbe probe)
    {
        var location = new SourceLocation($"service {service.Name}");
        foreach (var failure in probe.Failures)
            yield return new(probe.Greeting is null ? ProblemSeverity.Error : ProblemSeverity.Warning, location, Parameter, $"connect to upstream {failure}");

        if (probe.Greeting is not { } greeting)
            yield break;
        if (greeting.Code != 220)
        {
            // An MTA that is told about clients greets a client differently.
            var isForAll = service.Unstressed.Upstream.ClientHandoff is ClientHandoff.None;
            yield return new(isForAll ? ProblemSeverity.Error : ProblemSeverity.Warning, location, Parameter,
                $"{destination} greets the shield with {greeting.FirstLine}");
        }
        else if (probe.Ehlo is not { Code: 250 } ehlo)
        {
            var hint = service.Unstressed.Upstream.ClientHandoff is ClientHandoff.ProxyV1 or ClientHandoff.ProxyV2
                ? "does it expect a PROXY header? (Postfix: smtpd_upstream_proxy_protocol = haproxy)"
                : "";
            yield return new(ProblemSeverity.Error, location, Parameter,
                $"{destination} {probe.Failure ?? $"answers EHLO with {probe.Ehlo?.FirstLine}"}", hint);
        }
        else
        {
            yield return new(ProblemSeverity.Note, location, Parameter,
                $"{destination} greets with {greeting.FirstLine}, {(probe.Tls is { } tls ? $"{tls}" : "in clear")}, offers {Keywords(ehlo)}");
        }
    }

    private static string Keywords(UpstreamReply ehlo) =>
        string.Join(' ', Encoding.Latin1.GetString(ehlo.Text).Split("\r\n", StringSplitOptions.RemoveEmptyEntries).Skip(1).Where(line => line.Length > 4)
            .Select(line => line[4..].Split(' ')[0]));
}
