using System.Collections.Concurrent;

namespace SmtpShield.Bans;

/// <summary>What led to a ban, in words. All automatic bans by one rule have the same.</summary>
/// <param name="Rule">The rule whose last hit led to it; <see cref="Ban.ByHand"/>.</param>
/// <param name="By">Who said so; null: nobody, it is automatic.</param>
/// <param name="Why">Why, in printable ASCII; null: it was not said.</param>
internal sealed record BanReason(string Rule, string? By = null, string? Why = null)
{
    // As many as there are rules.
    private static readonly ConcurrentDictionary<string, BanReason> _ofRules = new(StringComparer.Ordinal);

    /// <summary>That of a rule and nothing else.</summary>
    public static BanReason Of(string rule) => _ofRules.GetOrAdd(rule, static rule => new(rule));
}
