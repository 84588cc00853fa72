namespace SmtpShield.Metrics;

/// <summary>What a metric's numbers are.</summary>
internal enum MetricKind : byte
{
    /// <summary>It only grows; from 0 at the start of the program.</summary>
    Counter,

    /// <summary>How it is now.</summary>
    Gauge,

    /// <summary>How many were at or below each of some bounds, their number and their sum.</summary>
    Histogram,
}
