using System.Globalization;
using System.Net;
using SmtpShield.Bans;
using SmtpShield.Clients;
using SmtpShield.Control.Banning;
using SmtpShield.Control.InShadow;
using SmtpShield.Limits;
using SmtpShield.Limits.Shared;
using SmtpShield.Mta;
using SmtpShield.Mta.Slots;
using SmtpShield.Options;

namespace SmtpShield.Control.Clients;

/// <summary>Says how clients stand, from the counts the shield judges by.</summary>
internal sealed class ClientReports(
    AnvilTable table, ClientRules rules, BanTable bans, AutomaticBans automatic, UpstreamPool pool, ClientsInShadow shadow,
    ShieldConfigurationWatcher? configuration = null)
{
    /// <summary>A line of a list.</summary>
    public ClientRow RowOf(in ClientFound found)
    {
        var (its, client) = (found.Rules, found.Client);
        var counts = found.Record?.Counts ?? default;
        var state = StateOf(found);
        var row = new ClientRow(its.Service, $"{client}", state.Word(), ClientCounts.Of(counts), table.History.RefusedTo(new(its.Service, client)));
        return its.LeadingOf(counts) is not { } leading ? row : row with
        {
            Rule = leading.Limit.Parameter,
            Count = leading.Limit.CountIn(counts),
            Limit = leading.Value,
            Until = state == ClientState.Limited ? UntilOf(found) : null,
        };
    }

    /// <summary>How it stands.</summary>
    public ClientState StateOf(in ClientFound found) => rules.IsExempt(found.Rules, found.Client) ? ClientState.Exempt
        : rules.BanOf(found.Rules, found.Client) is not null ? ClientState.Banned
        : found.Record is { } record ? found.Rules.StateOf(record.Counts) : ClientState.Unknown;

    /// <summary>All there is to say of an address.</summary>
    /// <param name="address">The address.</param>
    /// <param name="service">At which service; null: at all.</param>
    /// <param name="name">Its verified host name; null: it was not looked up.</param>
    public ClientExplanation Explain(IPAddress address, string? service, string? name = null) =>
        new($"{address}", [.. (service is null ? rules.Services : [service]).Select(at => ExplainAt(rules.Of(at), address, name))])
        {
            At = table.TimeOf(table.Second),
            Name = name is null or ClientIdentity.UnknownName ? null : name,
        };

    private ClientAtService ExplainAt(ServiceRules its, IPAddress address, string? name)
    {
        var client = its.RangeOf(address);
        var key = new AnvilKey(its.Service, client);
        var found = new ClientFound(its, client, table.Look(key, out var others));
        var exempt = rules.ExemptionOf(its, address, name ?? ClientIdentity.UnknownName);
        var covers = bans.Find(address);
        var whyNotBanned = covers is null || exempt is not null ? null : rules.WhyNotBanned(its, address, name ?? ClientIdentity.UnknownName);
        var ban = exempt is null && whyNotBanned is null ? covers : null;
        var state = exempt is not null ? ClientState.Exempt : ban is not null ? ClientState.Banned
            : found.Record is { } record ? its.StateOf(record.Counts) : ClientState.Unknown;
        var counts = found.Record?.Counts ?? default;
        var past = table.History.Of(key);
        var window = AnvilWindow.Of(its.Options.Anvil);
        return new(
            its.Service, $"{client}", state.Word(), ClientCounts.Of(counts), window.Unit, window.IsSliding,
            [.. its.Rules.Select(rule => ReportOf(rule.Limit, rule.Value, found, others, past))],
            pool.KnownClients.StandingOf(client) == ClientStanding.Good,
            [.. (past?.Events ?? []).Select(noted => ClientEventReport.Of(noted, table))],
            [
                .. NotesOf(its, past, isNameKnown: name is not null),
                .. whyNotBanned is null ? [] : (string[])[$"it is not banned with {covers!.Prefix}: {whyNotBanned}"],
            ])
        {
            Rule = state == ClientState.Limited && its.LeadingOf(counts) is { } leading ? leading.Limit.Parameter : null,
            Until = state == ClientState.Limited ? UntilOf(found) : ban?.Until,
            Ban = covers is null ? null : BanReport.Of(covers),
            BanHits = its.Options.Bans.Threshold > 0 && exempt is null ? automatic.HitsOf(address) : null,
            BanThreshold = its.Options.Bans.Threshold > 0 && exempt is null ? its.Options.Bans.Threshold : null,
            BanWindowS = its.Options.Bans.Threshold > 0 && exempt is null ? (int)its.Options.Bans.Window.TotalSeconds : null,
            Since = !window.IsSliding && HasEvents(counts.Rates) && found.Record is { WindowStart: > int.MinValue and var start } ? table.TimeOf(start) : null,
            ElsewhereAgeS = others?.Age,
            Exempt = exempt,
            Shadow = exempt is null ? shadow.Of(found, address) : null,
            Refused = past?.Refused,
            RefusedSince = past is null ? null : table.TimeOf(past.First),
            Refusals = past is not { Refusals: { Count: > 0 } refusals } ? null
                : [.. refusals.Select(static one => new ClientRefusalCount(ClientEventReport.RuleOf(one.Kind, one.Rule)!, one.Count))],
            MtaReply = past?.Reply,
            Accepted = table.Delivering.Find(client) is { } mail ? new(mail.Messages, mail.LastAt) : null,
        };
    }

    private static bool HasEvents(AnvilEventCounts rates)
    {
        foreach (var count in (ReadOnlySpan<int>)rates)
        {
            if (count > 0)
                return true;
        }

        return false;
    }

    // The last of those that refuse something; null where one of them ends at no time.
    private DateTimeOffset? UntilOf(in ClientFound found)
    {
        var (record, until) = (found.Record!.Value, int.MinValue);
        foreach (var (limit, value) in found.Rules.Rules)
        {
            if (!limit.RefusesNext(limit.CountIn(record.Counts), value))
                continue;
            if (limit.IsOnOpenConnections)
                return null;
            until = Math.Max(until, record.FirstSecondWithin(limit, value));
        }

        return table.TimeOf(until);
    }

    private ClientRule ReportOf(ClientLimit limit, int value, in ClientFound found, OthersCounts? others, PastView? past)
    {
        var count = limit.CountIn(found.Record?.Counts ?? default);
        var report = new ClientRule(limit.Parameter, value, count, UnitOf(limit), limit.RefusesNext(count, value))
        {
            Elsewhere = others is { } its && limit.CountIn(its.Counts) is > 0 and var elsewhere ? elsewhere : null,
            Origin = configuration?.Origins.Of(found.Rules.Service, limit.Parameter).Origin,
        };
        if (!report.Refuses)
            return report;
        if (past?.Runs.Since(limit, table.Second) is { } since)
            report = report with { OverSince = table.TimeOf(since) };
        return limit.IsOnOpenConnections
            ? report with { Ends = EndsOf(count, count - value + 1) }
            : report with { Until = table.TimeOf(found.Record!.Value.FirstSecondWithin(limit, value)) };
    }

    private IEnumerable<string> NotesOf(ServiceRules its, PastView? past, bool isNameKnown)
    {
        if (its.Options.Tls.IsPassedOn)
            yield return "behind STARTTLS that is passed on the shield sees no commands: only connections, handshakes and octets are counted";
        if (past is null && table.History is { Dropped: > 0 and var dropped } history)
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"its history may have been dropped: what is said is from counts only ({dropped} were, ")
                + string.Create(CultureInfo.InvariantCulture, $"there is room for {history.Capacity}: shield_history_size)");
        }
        if (!isNameKnown && its.Options.Limits.ClientEventLimitExceptions.Names.Any())
            yield return "smtpd_client_event_limit_exceptions has host names: whether the client has one of them is not looked up here";
    }

    /// <summary>What must end until no limit on open connections refuses another one, in words.</summary>
    /// <param name="open">Connections that are open.</param>
    /// <param name="ending">How many of them.</param>
    public static string EndsOf(int open, int ending) =>
        ending == 1 ? $"when one of its {open} connections ends" : $"when {ending} of its {open} connections end";

    private static string UnitOf(ClientLimit limit) => limit.Event switch
    {
        null => limit.IsOnOpenConnections ? "connections open" : "connections",
        AnvilEvent.Message => "MAIL",
        AnvilEvent.Recipient => "RCPT and VRFY",
        AnvilEvent.NewTlsSession => "new TLS sessions",
        AnvilEvent.Auth => "AUTH",
        AnvilEvent.Error => "commands refused by the MTA",
        _ => "logins refused by the MTA",
    };
}
