using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;

namespace SmtpShield.Control.Monitoring;

/// <summary>Marks the connections that come in on <c>shield_metrics_listen</c>: they are served metrics and health, and nothing else.</summary>
internal sealed class MetricsConnection
{
    private static readonly MetricsConnection _mark = new();

    /// <summary>Marks a connection, before HTTP.</summary>
    public static void Mark(ConnectionContext connection) => connection.Features.Set(_mark);

    /// <summary>Whether a request came on one.</summary>
    public static bool Is(HttpContext context) => context.Features.Get<MetricsConnection>() is not null;
}
