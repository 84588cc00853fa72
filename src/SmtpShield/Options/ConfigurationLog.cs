using Microsoft.Extensions.Logging;
using SmtpShield.PostfixConf;

namespace SmtpShield.Options;

/// <summary>The log lines about the configuration. <c>warning: </c> and <c>error: </c> are put in front by the log, from the level.</summary>
internal static partial class ConfigurationLog
{
    // Event ids 1700 to 1799 are this folder's. Next free: 1710, 1743.

    /// <summary>Logs everything there is to say about a configuration.</summary>
    public static void Report(this ILogger logger, ShieldConfigurationResult result)
    {
        foreach (var problem in result.Problems)
        {
            if (problem.Severity == ProblemSeverity.Error)
                ConfigurationError(logger, problem);
            else if (problem.Severity == ProblemSeverity.Warning)
                ConfigurationWarning(logger, problem);
            else
                ConfigurationNote(logger, problem);
        }
    }

    [LoggerMessage(1700, LogLevel.Error, "{Problem}")]
    private static partial void ConfigurationError(ILogger logger, ConfigurationProblem problem);

    [LoggerMessage(1701, LogLevel.Warning, "{Problem}")]
    private static partial void ConfigurationWarning(ILogger logger, ConfigurationProblem problem);

    [LoggerMessage(1702, LogLevel.Debug, "{Problem}")]
    private static partial void ConfigurationNote(ILogger logger, ConfigurationProblem problem);

    /// <summary>A changed configuration is in force.</summary>
    [LoggerMessage(1703, LogLevel.Information, "reload -- version {Version}, configuration {Path}")]
    public static partial void ConfigurationReloaded(ILogger logger, string version, string path);

    /// <summary>A changed configuration has errors; the earlier one stays in force.</summary>
    [LoggerMessage(1704, LogLevel.Error, "{Path}: not reloaded, errors above: {Errors}; the earlier configuration stays in force")]
    public static partial void ConfigurationRefused(ILogger logger, string path, int errors);

    /// <summary>Endpoints are bound once.</summary>
    [LoggerMessage(1705, LogLevel.Warning, "{Path}: shield_listen or shield_services has changed: to take effect, the shield must be restarted")]
    public static partial void ListenersChanged(ILogger logger, string path);

    /// <summary>The shield serves clients.</summary>
    [LoggerMessage(1706, LogLevel.Information, "daemon started -- version {Version}, configuration {Path}")]
    public static partial void Started(ILogger logger, string version, string path);

    /// <summary>The service has no certificate: what the shield can't see there.</summary>
    [LoggerMessage(1707, LogLevel.Information, "service {Service}: STARTTLS is passed on to the MTA (no smtpd_tls_chain_files): inside TLS only connections, "
        + "handshakes and octets are limited, not mail, recipients, logins and errors", EventName = "TlsPassedOn")]
    public static partial void TlsPassedOn(ILogger logger, string service);

    /// <summary>The control socket is bound once.</summary>
    [LoggerMessage(1708, LogLevel.Warning, "{Path}: shield_control_socket has changed: to take effect, the shield must be restarted")]
    public static partial void ControlSocketChanged(ILogger logger, string path);

    /// <summary>The endpoints of metrics are bound once.</summary>
    [LoggerMessage(1709, LogLevel.Warning, "{Path}: shield_metrics_listen has changed: to take effect, the shield must be restarted")]
    public static partial void MetricsListenChanged(ILogger logger, string path);

    /// <summary>The state directory is taken once.</summary>
    [LoggerMessage(1744, LogLevel.Warning, "{Path}: shield_state_directory has changed: to take effect, the shield must be restarted")]
    public static partial void StateDirectoryChanged(ILogger logger, string path);

    /// <summary>The endpoints of the API over TCP are bound once.</summary>
    [LoggerMessage(1745, LogLevel.Warning,
        "{Path}: shield_admin_listen, or whether it has TLS, has changed: to take effect, the shield must be restarted")]
    public static partial void AdminListenChanged(ILogger logger, string path);

    /// <summary>The transport is made once.</summary>
    [LoggerMessage(1743, LogLevel.Warning, "{Path}: shield_transport has changed: to take effect, the shield must be restarted")]
    public static partial void TransportChanged(ILogger logger, string path);

    /// <summary>Somebody who was told of new options failed.</summary>
    [LoggerMessage(1740, LogLevel.Error, "{Path}: the new configuration is in force, but not everywhere: restart the shield")]
    public static partial void ReloadIncomplete(ILogger logger, string path, Exception exception);

    /// <summary>Which values a reload has changed.</summary>
    [LoggerMessage(1741, LogLevel.Information, "reload: {Changes}")]
    public static partial void ConfigurationChanged(ILogger logger, string changes);

    /// <summary>Nobody has set the host's name.</summary>
    [LoggerMessage(1742, LogLevel.Information, "myhostname is not set: replies of the shield say {Name}, made from the name of this host")]
    public static partial void HostnameMadeUp(ILogger logger, string name);
}
