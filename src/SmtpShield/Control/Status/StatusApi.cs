using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using SmtpShield.Control.Upstreams;
using SmtpShield.Hosting;
using SmtpShield.Listening;
using SmtpShield.Options;
using SmtpShield.PostfixConf;

namespace SmtpShield.Control.Status;

/// <summary><c>/v1/status</c>: how the shield is. It only reads what others count.</summary>
internal sealed class StatusApi(
    ShieldSnapshot snapshot, ServiceScopes scopes, SessionCapacity capacity, ListenSockets sockets, ConnectionDrain drain, UpstreamApi upstreams,
    TimeProvider time, ShieldConfigurationWatcher? watcher = null)
{
    private const int MostProblems = 100;

    private readonly DateTimeOffset _started = time.GetUtcNow();

    /// <summary>Adds its path.</summary>
    public void Map(IEndpointRouteBuilder application) => application.MapGet("/v1/status", context =>
    {
        ControlRequests.QueryOf(context);
        return ControlRequests.AnswerAsync(context, Status(), ControlJson.Default.ShieldStatus);
    });

    /// <summary>How it is now.</summary>
    public ShieldStatus Status()
    {
        var configuration = watcher?.Outcome is { } outcome ? ReportOf(outcome) : null;
        var services = snapshot.Current.Services.Keys.DefaultIfEmpty(ServiceOptions.DefaultName).Select(ReportOf).ToList();
        var list = upstreams.List();
        var isDraining = drain.Draining.IsCancellationRequested;
        return new(
            ShieldConfigurationWatcher.Version, Environment.ProcessId, _started, (long)(time.GetUtcNow() - _started).TotalSeconds, isDraining,
            drain.Connections, services, list.Upstreams, list.Truncated, [.. Attention(configuration, services, isDraining), .. list.Attention],
            configuration);
    }

    private static IEnumerable<string> Attention(ConfigurationReport? configuration, IEnumerable<ServiceReport> services, bool isDraining)
    {
        if (isDraining)
            yield return "the shield stops: no new clients";
        if (configuration is { Refused: true })
            yield return $"{configuration.Path} was not taken over: the earlier configuration is in force";
        if (configuration is { NeedsRestart: true })
            yield return $"{configuration.Path} has changes that take effect after a restart";
        foreach (var service in services.Where(static service => service.Stress))
            yield return $"service {service.Name}: under stress, {service.Sessions} of {service.ProcessLimit} sessions";
    }

    private static ConfigurationReport ReportOf(ConfigurationOutcome outcome) => new(
        outcome.Path, outcome.Generation, outcome.InForceSince, outcome.ReadAt, !outcome.IsInForce, outcome.NeedsRestart,
        [.. outcome.Problems.Take(MostProblems).Select(ProblemOf)], outcome.Problems.Count > MostProblems);

    private static ControlProblem ProblemOf(ConfigurationProblem problem) => new(
        Printable.Text(problem.Message),
        problem.Hint is { Length: > 0 } hint ? Printable.Text(hint) : null,
        problem.Parameter is { Length: > 0 } parameter ? parameter : null,
        problem.Location.Source,
        problem.Location.Line is > 0 and var line ? line : null,
        problem.Severity.ToString().ToLowerInvariant());

    private ServiceReport ReportOf(string service)
    {
        var limit = scopes.Of(service).GetRequiredService<ProcessLimit>();
        return new(service, [.. sockets.EndPointsOf(service).Select(static endpoint => $"{endpoint}")], limit.Sessions, capacity.LimitOf(service),
            scopes.Of(service).GetRequiredService<ServiceStress>().IsOn);
    }
}
