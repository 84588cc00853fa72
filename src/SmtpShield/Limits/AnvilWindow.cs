using SmtpShield.Options;

namespace SmtpShield.Limits;

/// <summary>Over which time events are counted together, as configured now.</summary>
/// <param name="Unit">Whole seconds, at least 1 (Postfix <c>anvil_rate_time_unit</c>).</param>
/// <param name="IsSliding"><c>shield_rate_window</c>.</param>
internal readonly record struct AnvilWindow(int Unit, bool IsSliding)
{
    /// <summary>The window these options ask for.</summary>
    public static AnvilWindow Of(AnvilOptions options) =>
        new((int)Math.Clamp(options.RateTimeUnit.TotalSeconds, 1, int.MaxValue), options.RateWindow == RateWindow.Sliding);
}
