namespace SmtpShield.Options;

/// <summary>
/// What is judged in shadow: limits that are not in it have the value that switches them off. Who enforces limits does not know it.
/// </summary>
/// <param name="Limits">Limits on clients and on a session's errors and recipients.</param>
/// <param name="Smtpd">Of these, the rules of <see cref="ShadowRules"/> only.</param>
/// <param name="Bans">
/// Of these, the threshold only: the one in shadow, or the one in force where hits in shadow would count for it; 0: they count for nothing.
/// </param>
public sealed record ShadowLimits(SmtpdLimitOptions Limits, SmtpdOptions Smtpd, BanOptions Bans)
{
    /// <summary>What is enforced, in the same form.</summary>
    public static ShadowLimits EnforcedBy(ShieldOptions options) => new(options.Limits, options.Smtpd, options.Bans);
}
