using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SmtpShield.Bans;
using SmtpShield.Clients;
using SmtpShield.Hosting;
using SmtpShield.Limits;
using SmtpShield.Listening;
using SmtpShield.Metrics;
using SmtpShield.Options;
using SmtpShield.Shadow;

namespace SmtpShield.Host.Rehearsal;

/// <summary>The shield under rehearsal, in this process, and what its limits have done.</summary>
internal sealed class RehearsedShield : IAsyncDisposable
{
    private readonly WebApplication _application;
    private readonly ConcurrentDictionary<(string Service, string Rule), long> _onNormal = new();
    private long _bans;

    private RehearsedShield(WebApplication application, RehearsalClock clock)
    {
        (_application, Clock) = (application, clock);
        Get<AnvilTable>().Hit += Note;
        Get<BanTable>().Changed += Note;
    }

    /// <summary>Starts it.</summary>
    /// <param name="options">From <see cref="RehearsalConfiguration"/>.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    public static async Task<RehearsedShield> StartAsync(ShieldOptions options, CancellationToken cancellationToken)
    {
        var clock = new RehearsalClock();
        var shield = new RehearsedShield(
            ShieldHost.Build(
                new(options), services => services.AddSingleton<TimeProvider>(clock).AddLogging(static logging => logging.ClearProviders())),
            clock);
        try
        {
            await shield._application.StartAsync(cancellationToken);
            return shield;
        }
        catch
        {
            await shield.DisposeAsync();
            throw;
        }
    }

    /// <summary>Its clock.</summary>
    public RehearsalClock Clock { get; }

    /// <summary>Somebody ends the program.</summary>
    public CancellationToken Stopping => Get<IHostApplicationLifetime>().ApplicationStopping;

    /// <summary>Sessions it has room for, of all services together.</summary>
    public int Room => Get<SessionCapacity>().Bound.Sessions;

    /// <summary>Where a service listens.</summary>
    public IPEndPoint EndPointOf(string service)
    {
        // Each has one, in the order of their names.
        var address = Get<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses
            .ElementAt(Get<ShieldSnapshot>().Current.Service.Names.Distinct().ToList().IndexOf(service));
        return IPEndPoint.Parse(new Uri(address).Authority);
    }

    /// <summary>How often each rule was hit at a service, by whomever; of <see cref="LimitRules.Bans"/> it is bans there were, for whichever service.</summary>
    public IReadOnlyDictionary<string, long> HitsAt(string service)
    {
        var metrics = Get<ShieldMetrics>().OfService(service);
        return LimitRules.All.Index().ToDictionary(static rule => rule.Item, rule => metrics.HitsOf(rule.Index))
            .Append(new(LimitRules.Bans, Interlocked.Read(ref _bans))).ToDictionary();
    }

    /// <summary>How often normal clients have hit those rules that tell by whom they were hit.</summary>
    public IReadOnlyDictionary<string, long> HitsOfNormalAt(string service) =>
        _onNormal.Where(hits => hits.Key.Service == service || hits.Key.Rule == LimitRules.Bans)
            .ToDictionary(static hits => hits.Key.Rule, static hits => hits.Value);

    /// <summary>What rules in shadow would have done at a service, by whomever; empty: none is in shadow.</summary>
    public IReadOnlyDictionary<string, long> ShadowHitsAt(string service) => Get<ServiceScopes>().Of(service).GetRequiredService<ShadowBook>()
        .Summarize(most: 0).Rules.Where(static rule => rule.Hits > 0).ToDictionary(static rule => ShadowRules.All[rule.Rule].Name, static rule => rule.Hits);

    /// <summary>The same by clients with these addresses.</summary>
    public IReadOnlyDictionary<string, long> ShadowHitsAt(string service, IEnumerable<IPAddress> clients)
    {
        var book = Get<ServiceScopes>().Of(service).GetRequiredService<ShadowBook>();
        var anvil = Get<ShieldSnapshot>().Current.Of(service).Anvil;
        return clients.Select(client => ClientRange.Of(client, anvil.ClientIPv4PrefixLength, anvil.ClientIPv6PrefixLength)).Distinct()
            .SelectMany(client => book.Of(new(service, client))).GroupBy(static past => past.Rule)
            .ToDictionary(static rule => ShadowRules.All[rule.Key].Name, static rule => rule.Sum(static past => past.Hits));
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _application.DisposeAsync();

    private void Note(RuleHit hit)
    {
        if (RehearsalAddresses.IsNormal(hit.Address) && BanRules.Of(hit.Event) is { } rule)
            _onNormal.AddOrUpdate((hit.Key.Service, rule), 1, static (_, hits) => hits + 1);
    }

    private void Note(Ban ban, BanChangeKind change)
    {
        if (change != BanChangeKind.Began)
            return;
        Interlocked.Increment(ref _bans);
        if (RehearsalAddresses.IsNormal(ban.Prefix.Address))
            _onNormal.AddOrUpdate(("", LimitRules.Bans), 1, static (_, bans) => bans + 1);
    }

    private T Get<T>() where T : notnull => _application.Services.GetRequiredService<T>();
}
