namespace SmtpShield.Options;

/// <summary>How a rate is taken from counted events: <c>shield_rate_window</c>.</summary>
public enum RateWindow
{
    /// <summary>
    /// Events since the client's first one in the window, as anvil(8) counts: a burst at the end of one window and one at the start of the next are each within
    /// the limit.
    /// </summary>
    Fixed,

    /// <summary>
    /// An estimate of the events in the last <c>anvil_rate_time_unit</c>, from the current window and the part of the one before it that still reaches into it.
    /// </summary>
    Sliding,
}
