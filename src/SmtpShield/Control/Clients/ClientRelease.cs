using System.Net;
using Microsoft.Extensions.DependencyInjection;
using SmtpShield.Admission;
using SmtpShield.Bans;
using SmtpShield.Clients;
using SmtpShield.Control.Banning;
using SmtpShield.Hosting;
using SmtpShield.Limits;

namespace SmtpShield.Control.Clients;

/// <summary>Lets a client in: sets what is counted of it to 0. Connections it has open stay counted.</summary>
internal sealed class ClientRelease(
    AnvilTable table, ClientRules rules, ClientReports reports, BanTable bans, BanOrders orders, AutomaticBans automatic, ServiceScopes scopes)
{
    /// <summary>Lifts the bans of exactly an address, of the range an automatic ban of it has, and of those that count as one client with it.</summary>
    /// <param name="address">The address.</param>
    /// <param name="by">Who does it.</param>
    /// <param name="still">The ban that covers it all the same; null: none.</param>
    public IReadOnlyList<Ban> LiftBans(IPAddress address, string by, out Ban? still)
    {
        HashSet<ClientRange> ranges = [ClientRange.Of(address, 32, 128), automatic.RangeOf(address)];
        foreach (var service in rules.Services)
            ranges.Add(rules.Of(service).RangeOf(address));
        List<Ban> lifted = [.. ranges.Select(range => orders.TryLift(range, by)).OfType<Ban>()];
        still = bans.Find(address);
        return lifted;
    }

    /// <summary>Releases an address, and with it all that count as one client.</summary>
    /// <param name="address">The address.</param>
    /// <param name="service">At which service; null: at all.</param>
    /// <returns>What was done at each.</returns>
    public IReadOnlyList<ReleasedAtService> Release(IPAddress address, string? service) =>
        [.. (service is null ? rules.Services : [service]).Select(name => ReleaseAt(name, address))];

    private ReleasedAtService ReleaseAt(string service, IPAddress address)
    {
        var its = rules.Of(service);
        var client = its.RangeOf(address);
        var key = new AnvilKey(service, client);
        var before = table.Release(key);
        scopes.Of(service).GetRequiredService<HandshakesInVain>().Forgive(client);

        var now = reports.Explain(address, service).Services[0];
        return new(service, $"{client}", ClientCounts.Of(before?.Counts ?? default), now.State)
        {
            Ends = now.State == ClientState.Limited.Word() ? now.Rules.FirstOrDefault(static rule => rule.Refuses)?.Ends : null,
        };
    }
}
