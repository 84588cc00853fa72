using System.Globalization;
using SmtpShield.Limits;
using SmtpShield.Metrics;
using SmtpShield.Options;

namespace SmtpShield.Host.Rehearsal;

/// <summary>Which rules a service has, and how they are told from their counters.</summary>
internal static class RehearsedRules
{
    /// <summary>The rules that are on, enforced or in shadow, in the order of <see cref="LimitRules.All"/>.</summary>
    /// <param name="options">Of the service, with an empty <c>$stress</c>.</param>
    public static IReadOnlyList<RehearsedRule> Of(ShieldOptions options)
    {
        var enforced = ShadowLimits.EnforcedBy(options);
        var judged = ShadowRules.Judged(options).ToDictionary(static rule => rule.Name, rule => rule.DescribeInShadow(options));
        var rules = new List<RehearsedRule>();
        foreach (var name in LimitRules.All.Append(LimitRules.Bans))
        {
            if (ValueOf(name, options, enforced) is { } value)
                rules.Add(new(name, value, isInShadow: false));
            if (judged.TryGetValue(name, out var candidate))
                rules.Add(new(name, candidate, isInShadow: true));
        }

        return rules;
    }

    /// <summary>The rules that are off, and judged nowhere.</summary>
    public static IEnumerable<string> OffIn(ShieldOptions options) =>
        LimitRules.All.Append(LimitRules.Bans).Except(Of(options).Select(static rule => rule.Name));

    /// <summary>Whether it is known of each hit whose it was.</summary>
    public static bool TellsWhom(RehearsedRule rule) => rule.IsInShadow || rule.Name == LimitRules.Bans || BanOptions.KnownRules.Contains(rule.Name);

    /// <summary>Whether it is a limit on errors.</summary>
    public static bool CountsErrors(RehearsedRule rule) =>
        rule.Name is LimitRules.SoftErrors or LimitRules.HardErrors || rule.Name == ClientLimits.Error.Parameter;

    /// <summary>Whether a hit is a command that is refused, and so an error of the session.</summary>
    public static bool Refuses(RehearsedRule rule) =>
        rule.Name is LimitRules.Recipients or LimitRules.Helo or LimitRules.JunkCommands
        || (ClientLimits.Find(rule.Name) is not null && !CountsErrors(rule));

    // Null: off.
    private static string? ValueOf(string name, ShieldOptions options, ShadowLimits enforced) => name switch
    {
        LimitRules.Timeout => Seconds(options.Smtpd.Timeout),
        LimitRules.LineDeadline => Seconds(options.Smtpd.RequestDeadline),
        LimitRules.HandshakeTimeout => options.Tls.IsPassedOn ? Seconds(options.Tls.HandshakeTimeout) : null,
        _ => ShadowRules.All[ShadowRules.IndexOf(name)] is var rule && !rule.IsOff(enforced) ? rule.Describe(rule.Of(enforced)) : null,
    };

    private static string Seconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds}s");
}
