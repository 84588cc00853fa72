using System.Reflection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace SmtpShield.Configuration;

/// <summary>Puts a saved configuration in force: by itself within a second, or when told to (SIGHUP). One with errors is logged and left alone.</summary>
/// <param name="configuration">The layers, read once already: what <paramref name="snapshot"/> holds came from them.</param>
/// <param name="snapshot">Receives the options.</param>
/// <param name="logger">The log.</param>
/// <param name="time">The clock.</param>
public sealed class ShieldConfigurationWatcher(ShieldConfiguration configuration, ShieldSnapshot snapshot, ILogger<ShieldConfigurationWatcher> logger, TimeProvider time) : BackgroundService
{
    // A change is in force after at most three intervals: seen, settled, and the read itself.
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    /// <summary>The version of the shield, for log lines.</summary>
    public static string Version { get; } = typeof(ShieldConfigurationWatcher).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "";

    private readonly FileWatch _watch = new();
    private readonly List<string> _bound = [.. Listeners(snapshot.Current)];
    private readonly Lock _reloading = new();

    /// <summary>Reads the file again and puts it in force unless it has errors. Everything about it is logged.</summary>
    public ShieldConfigurationResult Reload()
    {
        lock (_reloading)
        {
            var result = configuration.Reload();
            _watch.Watch(result.Files);
            logger.Report(result);
            if (result.Options is { } options)
                Replace(options);
            else
                ConfigurationLog.ConfigurationRefused(logger, configuration.Path, result.Errors.Count());
            return result;
        }
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        lock (_reloading)
            _watch.Watch(configuration.Read().Files);
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                if (HasSettledChange())
                    Reload();
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The program stops.
        }
    }

    private bool HasSettledChange()
    {
        lock (_reloading)
            return _watch.HasSettledChange();
    }

    private static IEnumerable<string> Listeners(ShieldOptions options) =>
        options.Service.Names.Distinct().SelectMany(service => options.Of(service).Listener.Endpoints.Select(endpoint => $"{service} {endpoint} {options.Of(service).Listener.Transparent}"));

    // A service that is not there any more serves its clients until the restart, by what was in force for it: not by another one's values.
    private Dictionary<string, ShieldOptions> WithEarlier(IReadOnlyDictionary<string, ShieldOptions> services)
    {
        var all = new Dictionary<string, ShieldOptions>(services, StringComparer.Ordinal);
        foreach (var (service, options) in snapshot.Current.Services)
            all.TryAdd(service, options);
        return all;
    }

    private void Replace(ShieldOptions options)
    {
        if (!Listeners(options).SequenceEqual(_bound))
            ConfigurationLog.ListenersChanged(logger, configuration.Path);
        snapshot.Replace(options with { Services = WithEarlier(options.Services) });
        ConfigurationLog.ConfigurationReloaded(logger, Version, configuration.Path);
    }
}
