namespace SmtpShield.Control.InShadow;

/// <summary>The answer of <c>/v1/shadow</c>.</summary>
/// <param name="Services">What limits in shadow would have done at each service.</param>
internal sealed record ShadowReport(IReadOnlyList<ShadowAtService> Services)
{
    /// <summary>Of a reset of all services: bans there would have been by then, which are over with it.</summary>
    public int? BansEnded { get; init; }

    /// <summary>
    /// Of a reset of one service: bans there would be, which go on, since they hold at every service and are by hits at any; null: there are none.
    /// </summary>
    public int? BansGoOn { get; init; }
}
