using SmtpShield.Metrics;
using static SmtpShield.Control.Series.SeriesKind;

namespace SmtpShield.Control.Series;

/// <summary>All series there are, of all services and MTAs together. Each has a line in docs/reference/control-api.md.</summary>
internal static class SeriesCatalog
{
    private const int All = -1;
    private const string PerSecond = "1/s";
    private const string Seconds = "s";
    private const string One = "1";

    /// <summary>In the order in which they are answered.</summary>
    public static IReadOnlyList<SeriesDefinition> Definitions { get; } =
    [
        new("sessions", One, Level, MetricCatalog.Sessions, All),
        new("connections_served", PerSecond, Rate, MetricCatalog.Connections, 1, "served"),
        new("connections_refused", PerSecond, Rate, MetricCatalog.Connections, 1, "refused", "unidentified", "early_talk"),
        new("messages_accepted", PerSecond, Rate, MetricCatalog.Messages, 1, "accepted"),
        new("messages_refused", PerSecond, Rate, MetricCatalog.Messages, 1, "refused"),
        new("messages_deferred", PerSecond, Rate, MetricCatalog.Messages, 1, "deferred"),
        new("messages_aborted", PerSecond, Rate, MetricCatalog.Messages, 1, "aborted"),
        new("recipients_accepted", PerSecond, Rate, MetricCatalog.Recipients, 1, "accepted"),
        new("recipients_refused", PerSecond, Rate, MetricCatalog.Recipients, 1, "refused", "deferred"),
        new("commands", PerSecond, Rate, MetricCatalog.Commands, All),
        new("limit_hits", PerSecond, Rate, MetricCatalog.LimitHits, 2, "enforced"),
        new("delays", PerSecond, Rate, MetricCatalog.Delays, All),
        new("tls_handshakes", PerSecond, Rate, MetricCatalog.Handshakes, 1, "new", "resumed"),
        new("tls_failures", PerSecond, Rate, MetricCatalog.Handshakes, 1, "failed", "refused"),
        new("clients_tracked", One, Level, MetricCatalog.ClientsTracked, All),
        new("stress", One, Level, MetricCatalog.Stress, All),
        new("upstream_sessions", One, Level, MetricCatalog.UpstreamSessions, All),
        new("upstream_queue", One, Level, MetricCatalog.UpstreamQueue, All),
        new("upstream_dials_failed", PerSecond, Rate, MetricCatalog.UpstreamDials, 1,
            "busy", "refused", "unreachable", "timed_out", "lost", "silent", "failed"),
        new("upstream_command_s", Seconds, Mean, MetricCatalog.UpstreamReplyDuration, 1, "command"),
        new("upstream_end_of_data_s", Seconds, Mean, MetricCatalog.UpstreamReplyDuration, 1, "end_of_data"),
        new("log_lines", PerSecond, Rate, MetricCatalog.LogLines, All),
        new("processor", One, Rate, MetricCatalog.ProcessorTime, All),
        new("resident_bytes", "By", Level, MetricCatalog.ResidentMemory, All),
    ];
}
