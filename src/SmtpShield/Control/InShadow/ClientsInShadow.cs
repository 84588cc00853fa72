using System.Net;
using Microsoft.Extensions.DependencyInjection;
using SmtpShield.Bans;
using SmtpShield.Clients;
using SmtpShield.Control.Clients;
using SmtpShield.Hosting;
using SmtpShield.Limits;
using SmtpShield.Options;
using SmtpShield.Shadow;

namespace SmtpShield.Control.InShadow;

/// <summary>Says what limits in shadow would have done to one client, and would do now: by the counts they are judged by, and what was written down.</summary>
internal sealed class ClientsInShadow(AnvilTable table, ShadowBans bans, NeverBanned never, ServiceScopes scopes)
{
    /// <summary>Those that would refuse what a client does next, in the order they are judged in, then others that would have been hit.</summary>
    /// <param name="found">The client.</param>
    /// <param name="address">Its address.</param>
    /// <returns>Null: nothing is in shadow, nor was anything hit.</returns>
    public IReadOnlyList<ClientInShadow>? Of(ClientFound found, IPAddress address)
    {
        var its = found.Rules;
        var book = scopes.Of(its.Service).GetRequiredService<ShadowBook>();
        var past = book.Of(new(its.Service, found.Client)).ToDictionary(static one => one.Rule);
        if (its.Options.InShadow is null && past.Count == 0)
            return null;

        return
        [
            .. ShadowRules.All.Index().Select(rule => ReportOf(rule.Item, past.TryGetValue(rule.Index, out var one) ? one : null, found, address))
                .OfType<ClientInShadow>().OrderByDescending(static one => one.Refuses),
        ];
    }

    // Null: there is nothing to say of it.
    private ClientInShadow? ReportOf(ShadowRule rule, ShadowPast? past, in ClientFound found, IPAddress address)
    {
        var report = new ClientInShadow(
            rule.Name, rule.DescribeInShadow(found.Rules.Options), Refuses: false, past?.Hits ?? 0, past?.Windows ?? 0, past?.MessagesAfter ?? 0)
        {
            AtMost = past?.Most,
            LastAt = past is { LastSecond: var second } ? table.TimeOf(second) : null,
        };
        if (rule.Name == ShadowRules.BanThreshold && bans.Find(address) is { } ban
            && never.WhyNot(found.Rules.Options, address, ClientIdentity.UnknownName) is null)
        {
            return report with { Refuses = true, Until = ban.Until };
        }

        if (found.Rules.Options.InShadow is not { } judged || ClientLimits.Find(rule.Name) is not { } limit
            || limit.Value(judged.Limits) is not (> 0 and var value))
        {
            return past is null ? null : report;
        }

        var count = limit.CountIn(found.Record?.Counts ?? default);
        report = report with { Count = count };
        if (found.Record is not { } record || !limit.RefusesNext(count, value))
            return past is null ? null : report;
        return limit.IsOnOpenConnections
            ? report with { Refuses = true, Ends = ClientReports.EndsOf(count, count - value + 1) }
            : report with { Refuses = true, Until = table.TimeOf(record.FirstSecondWithin(limit, value)) };
    }
}
