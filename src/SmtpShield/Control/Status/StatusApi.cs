using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using SmtpShield.Bans;
using SmtpShield.Control.Banning;
using SmtpShield.Control.Clients;
using SmtpShield.Control.Tuning;
using SmtpShield.Control.Upstreams;
using SmtpShield.Hosting;
using SmtpShield.Limits;
using SmtpShield.Limits.Shared;
using SmtpShield.Listening;
using SmtpShield.Observe;
using SmtpShield.Options;
using SmtpShield.Tls;

namespace SmtpShield.Control.Status;

/// <summary><c>/v1/status</c>: how the shield is. It only reads what others count.</summary>
internal sealed class StatusApi(
    ShieldSnapshot snapshot, ServiceScopes scopes, SessionCapacity capacity, ListenSockets sockets, ConnectionDrain drain, UpstreamApi upstreams,
    AnvilTable table, CounterSharing sharing, BanTable bans, AutomaticBans automatic, FirewallHelper helper, LimitedClients limited, RecentRates rates,
    IEnumerable<ILoggerProvider> providers, TimeProvider time, ShieldConfigurationWatcher? watcher = null, Overrides? overrides = null,
    LimitHitsLately? hits = null)
{
    private const string Service = "service";
    private const int MostEndingSoon = 20;

    // A certificate that is renewed as usual has a month left.
    private static readonly TimeSpan SoonExpired = TimeSpan.FromDays(14);

    private static readonly TimeSpan Soon = TimeSpan.FromMinutes(15);

    // A value that is needed now is to be thought of earlier: if it was hit in the last ten minutes, as what warns of its end.
    private static readonly TimeSpan SoonWhileHit = TimeSpan.FromHours(1);

    private readonly MaillogLoggerProvider? _log = providers.OfType<MaillogLoggerProvider>().FirstOrDefault();
    private readonly DateTimeOffset _started = time.GetUtcNow();

    /// <summary>Adds its path.</summary>
    public void Map(IEndpointRouteBuilder application) => application.MapGet("/v1/status", context =>
    {
        var status = Status();
        if (ControlRequests.QueryOf(context, Service).TryGetValue(Service, out var service))
        {
            if (status.Services.All(report => report.Name != service))
            {
                var names = string.Join(", ", status.Services.Select(static report => report.Name));
                throw ControlException.NotFound($"no such service: {AddressText.Shown(service)}", $"there are {names}", Service);
            }

            status = status with
            {
                Services = [.. status.Services.Where(report => report.Name == service)],
                Upstreams = [.. status.Upstreams.Where(report => report.Service == service)],
            };
        }

        return ControlRequests.AnswerAsync(context, status, ControlJson.Default.ShieldStatus);
    });

    /// <summary>How it is now.</summary>
    public ShieldStatus Status()
    {
        var configuration = watcher?.Outcome is { } outcome ? ConfigurationReport.Of(outcome) : null;
        var recent = rates.Read();
        var services = snapshot.Served.Select(name => ReportOf(name, recent)).ToList();
        var list = upstreams.List();
        var kernel = helper.Current;
        var together = sharing.State is { } state ? SharingReport.Of(state) : null;
        var isDraining = drain.Draining.IsCancellationRequested;
        var clients = new TableReport(table.Size, snapshot.Current.Anvil.ClientTableSize, table.Evicted)
        {
            Untracked = table.Refused,
            Limited = limited.Read().Total,
        };
        return new(
            ShieldConfigurationWatcher.Version, Environment.ProcessId, _started, (long)(time.GetUtcNow() - _started).TotalSeconds, isDraining,
            drain.Connections, services, list.Upstreams, list.Truncated,
            [
                .. Attention(configuration, services, isDraining), .. BanAttention(kernel), .. EndingSoon(), .. services.SelectMany(AttentionToShadow),
                .. list.Attention, .. SharingAttention(together), .. Losses(clients, recent), .. Certificates(services),
            ],
            configuration)
        {
            Clients = clients,
            History = new(table.History.Count, table.History.Capacity, table.History.Dropped),
            Delivering = new(table.Delivering.Count, DeliveringClients.Capacity, table.Delivering.Dropped),
            Log = _log is null ? null : new(Enumerable.Range(0, 5).Sum(i => _log.Posted(LogLevel.Debug + i)), _log.Lost)
            {
                LinesS = recent.Seconds > 0 ? Rounded(recent.LogLines) : null,
            },
            Bans = new(bans.Count, bans.Count - bans.Automatic, snapshot.Current.Bans.TableSize,
                [.. automatic.Suspended.Keys.Order(StringComparer.Ordinal)])
            {
                Kernel = kernel,
            },
            Sharing = together,
            Overrides = overrides?.All.All.Count,
        };
    }

    private static IEnumerable<string> SharingAttention(SharingReport? sharing)
    {
        var limits = sharing is { Stores.Count: > 1 } ? "limits of its clients" : "limits";
        return (sharing?.Stores ?? []).Where(static store => store.Failure is not null)
            .Select(store => $"{store.Store} does not answer ({store.Failure}): {limits} count on this shield only (shield_shared_store)");
    }

    // Nobody wants to learn at the end that the flood is still there.
    private IEnumerable<string> EndingSoon()
    {
        var now = time.GetUtcNow();
        return (overrides?.InForce() ?? []).Where(one => one.Override.Until is { } until && IsSoon(until - now, one.Service, one.Name))
            .Take(MostEndingSoon).Select(one =>
            $"{one.Service}: {one.Name} = {one.Override.Value} ends in {Math.Max(0, (int)Math.Ceiling((one.Override.Until!.Value - now).TotalMinutes))}m"
            + (hits?.Of(one.Service, one.Name, LimitHitsLately.Longest) is > 0 and var count
                ? $" and was hit {(count == 1 ? "once" : $"{count} times")} in the last hour" : ""));
    }

    private bool IsSoon(TimeSpan left, string service, string name) =>
        left <= Soon || (left <= SoonWhileHit && hits?.Of(service, name, Tuning.Overrides.HitLately) > 0);

    private static IEnumerable<string> Attention(ConfigurationReport? configuration, IReadOnlyList<ServiceReport> services, bool isDraining)
    {
        if (isDraining)
            yield return "the shield stops: no new clients";
        if (configuration is { Refused: true })
            yield return $"{configuration.Path} was not taken over: the earlier configuration is in force";
        if (configuration is { NeedsRestart: true })
            yield return $"{configuration.Path} has changes that take effect after a restart";
        // One without a place left is under stress because of that: it is said once, and its column has it.
        foreach (var service in services.Where(static service => service is { Stress: true, IsFull: false }))
            yield return $"service {service.Name}: under stress, {service.Sessions} of {service.ProcessLimit} sessions";
        foreach (var service in services.Where(static service => service.IsFull))
            yield return $"service {service.Name}: all {service.ProcessLimit} sessions are in use, further clients wait (default_process_limit)";
    }

    private static IEnumerable<string> Losses(TableReport clients, RecentFigures recent)
    {
        if (recent.Untracked > 0)
            yield return $"the client table is full: {recent.Untracked} events of new clients were not counted lately (shield_client_table_size)";
        else if (clients.Clients > clients.Size / 10 * 9)
            yield return $"the client table has room for {clients.Size}, and {clients.Clients} clients are in it (shield_client_table_size)";
        if (recent.LogLost > 0)
            yield return $"{recent.LogLost} lines of the log were lost lately: they come faster than it takes them";
    }

    private IEnumerable<string> Certificates(IReadOnlyList<ServiceReport> services)
    {
        foreach (var service in services)
        {
            var ends = scopes.Of(service.Name).GetRequiredService<CertificateStore>().Current.All
                .Select(static certificate => new DateTimeOffset(certificate.Leaf.NotAfter)).ToList();
            if (ends.Count > 0 && ends.Min() is var first && first - time.GetUtcNow() < SoonExpired)
            {
                var at = first.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
                yield return $"service {service.Name}: a certificate expires at {at}";
            }
        }
    }

    private IEnumerable<string> BanAttention(KernelReport? kernel)
    {
        foreach (var (service, reason) in automatic.Suspended.OrderBy(static one => one.Key, StringComparer.Ordinal))
            yield return $"service {service}: automatic bans suspended: {reason}";
        if (bans.IsFull)
            yield return $"there are {bans.Count} bans, and no room for another one (shield_ban_table_size)";
        if (FirewallHelper.Attention(kernel) is { } sentence)
            yield return sentence;
    }

    // Limits that were meant to act some day are forgotten easily.
    private IEnumerable<string> AttentionToShadow(ServiceReport service)
    {
        var options = snapshot.Current.Of(service.Name);
        if (ShadowRules.Suspended(options).Count() is > 0 and var count)
            yield return $"service {service.Name}: {(count == 1 ? "1 limit has" : $"{count} limits have")} no effect, in shadow (shield_shadow)";
    }

    private ServiceReport ReportOf(string service, RecentFigures recent)
    {
        var its = scopes.Of(service);
        var stress = its.GetRequiredService<ServiceStress>();
        var options = its.GetRequiredService<ShieldService>();
        var report = new ServiceReport(
            service, [.. sockets.EndPointsOf(service).Select(static endpoint => $"{endpoint}")], its.GetRequiredService<ProcessLimit>().Sessions,
            capacity.LimitOf(service), stress.IsOn || options.Unstressed.IsStressForced)
        {
            ShadowRules = ShadowRules.Judged(options.When(stress.IsOn)).Count(),
        };
        return !recent.Services.TryGetValue(service, out var figures) ? report : report with
        {
            ConnectionsS = Rounded(figures.Connections),
            MessagesS = Rounded(figures.Accepted),
            RefusedS = Rounded(figures.Refused),
        };
    }

    private static double Rounded(double perSecond) => Math.Round(perSecond, 1);
}
