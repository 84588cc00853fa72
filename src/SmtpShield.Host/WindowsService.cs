using System.Diagnostics;
using System.Runtime.Versioning;
using System.Security;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Hosting.WindowsServices;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.EventLog;

namespace SmtpShield.Host;

/// <summary>
/// The program as a service of Windows, where the service control manager has started it: it stops as the manager says, and the event log has what an
/// administrator should see. Elsewhere nothing of this is there.
/// </summary>
internal static class WindowsService
{
    /// <summary>The name of the service, and of its source in the event log, as <c>deploy/windows/install.ps1</c> makes both.</summary>
    public const string Name = "SmtpShield";

    /// <summary>Whether the service control manager has started this process.</summary>
    [SupportedOSPlatformGuard("windows")]
    public static bool IsThis => OperatingSystem.IsWindows() && WindowsServiceHelpers.IsWindowsService();

    /// <summary>Lets the manager stop the host, and the log of events have its share.</summary>
    public static IServiceCollection AddService(this IServiceCollection services)
    {
        if (IsThis)
            Add(services);
        return services;
    }

    /// <summary>Says why the program ends: on standard error, which a service has not, and in the event log.</summary>
    /// <param name="reason">A sentence.</param>
    public static async Task TellFatalAsync(string reason)
    {
        await Console.Error.WriteLineAsync($"smtpshield: fatal: {reason}");
        if (IsThis)
            Write(reason);
    }

    /// <summary>
    /// What of the log is an event of Windows: that the shield has started, what is wrong with its configuration and its own files, and errors. What clients
    /// cause is in the mail log only, where a flood of it is bounded.
    /// </summary>
    /// <param name="category">The type that logs.</param>
    /// <param name="level">How bad it is.</param>
    public static bool IsEvent(string? category, LogLevel level) => level >= LogLevel.Error
        || (category?.StartsWith("SmtpShield.", StringComparison.Ordinal) == true && category["SmtpShield.".Length..].Split('.')[0] switch
        {
            "Host" => level >= LogLevel.Information,
            "Options" or "Control" or "State" => level >= LogLevel.Warning,
            _ => false,
        });

    [SupportedOSPlatform("windows")]
    private static void Add(IServiceCollection services)
    {
        services.AddWindowsService(static options => options.ServiceName = Name);
        services.Configure<EventLogSettings>(static settings => settings.SourceName = Name);
        services.AddLogging(static logging => logging.AddFilter<EventLogLoggerProvider>(IsEvent));
    }

    [SupportedOSPlatform("windows")]
    private static void Write(string reason)
    {
        try
        {
            EventLog.WriteEntry(Name, reason, EventLogEntryType.Error);
        }
        catch (Exception exception) when (exception is SecurityException or InvalidOperationException or ArgumentException)
        {
            // Nobody has made the source, as install.ps1 does.
        }
    }
}
