using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using SmtpShield.Limits;
using SmtpShield.Metrics;
using SmtpShield.Options;
using SmtpShield.Shadow;

namespace SmtpShield.Tests.Shadow;

/// <summary>Limits in shadow as the program has them.</summary>
internal static class TestShadow
{
    /// <summary>The book of <c>smtp</c>.</summary>
    public static ShadowBook Book(
        ShieldSnapshot snapshot, AnvilTable anvil, TimeProvider time, ILogger<ShadowBook>? log = null, ServiceMetrics? metrics = null,
        IBansInShadow? bans = null) =>
        new(new("smtp", snapshot), anvil, bans ?? NoBans.Instance, metrics ?? ServiceMetrics.Uncounted, time, log ?? NullLogger<ShadowBook>.Instance);

    /// <summary>Options with one value set.</summary>
    public static ShieldOptions Set(ShieldOptions options, string name, object value)
    {
        var set = ShadowRules.All[ShadowRules.IndexOf(name)].With(ShadowLimits.EnforcedBy(options), value);
        return options with { Limits = set.Limits, Smtpd = set.Smtpd };
    }

    /// <summary>Options with a limit switched off.</summary>
    public static ShieldOptions Off(ShieldOptions options, string name) => Set(options, name, ShadowRules.All[ShadowRules.IndexOf(name)].Off);

    /// <summary>Options with these limits in shadow.</summary>
    public static ShieldOptions InShadow(ShieldOptions options, params string[] names) =>
        ShadowRules.Split(options with { Shadow = new() { Rules = ShadowList.None with { Names = names.ToHashSet() } } });

    /// <summary>Options with a value that is judged beside the one in force.</summary>
    public static ShieldOptions Beside(ShieldOptions options, string name, object value) =>
        ShadowRules.Split(options with { Shadow = new() { Rules = ShadowList.None with { Candidates = new Dictionary<string, object> { [name] = value } } } });

    /// <summary>What there is of a rule.</summary>
    public static ShadowRuleSummary Of(ShadowBook book, string name) => book.Summarize(1000).Rules[ShadowRules.IndexOf(name)];
}
