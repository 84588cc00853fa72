using System.Net;
using System.Reflection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SmtpShield.Options.Parameters;
using SmtpShield.PostfixConf.Files;

namespace SmtpShield.Options;

/// <summary>Puts a saved configuration in force: by itself within a second, or when told to (SIGHUP). One with errors is logged and left alone.</summary>
/// <param name="configuration">The layers, read once already: what <paramref name="snapshot"/> holds came from them.</param>
/// <param name="snapshot">Receives the options.</param>
/// <param name="logger">The log.</param>
/// <param name="time">The clock.</param>
/// <param name="state">Where else to say what came of the file; null for nowhere.</param>
public sealed class ShieldConfigurationWatcher(
    ShieldConfiguration configuration, ShieldSnapshot snapshot, ILogger<ShieldConfigurationWatcher> logger, TimeProvider time,
    ConfigurationStateFile? state = null) : BackgroundService
{
    // A change is in force after at most three intervals: seen, settled, and the read itself.
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    /// <summary>The version of the shield, for log lines.</summary>
    public static string Version { get; } =
        typeof(ShieldConfigurationWatcher).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "";

    private readonly FileWatch _watch = new();
    private readonly List<string> _bound = [.. Listeners(snapshot.Current)];
    private readonly string _control = snapshot.Current.Control.Socket;
    private readonly string _stateDirectory = snapshot.Current.Control.StateDirectory;
    private readonly IReadOnlyList<IPEndPoint> _metrics = snapshot.Current.Control.MetricsEndpoints;
    private readonly (string Listen, bool IsTls) _admin = AdminOf(snapshot.Current.Control);
    private readonly TransportChoice _transport = snapshot.Current.Listener.Transport;
    private readonly SemaphoreSlim _reloading = new(1);
    private ParameterValues _inForce = configuration.Summarize();
    private DateTimeOffset _inForceSince = time.GetUtcNow();
    private int _generation = 1;
    private long _applied;
    private long _refused;
    private ConfigurationOutcome? _outcome;
    private ParameterOrigins _origins = configuration.Origins();

    /// <summary>Times the file was read again and came into force.</summary>
    public long Applied => Interlocked.Read(ref _applied);

    /// <summary>Times the file was read again and had errors.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    /// <summary>What has come of the configuration; null before the start, which looks at its file.</summary>
    public ConfigurationOutcome? Outcome => Volatile.Read(ref _outcome);

    /// <summary>The file was read again and is in force. Nothing else happens to the configuration meanwhile.</summary>
    internal event Action? Reloaded;

    /// <summary>The file, in full.</summary>
    internal string File { get; } = Path.GetFullPath(configuration.Path);

    /// <summary>Which configuration is in force: 1 at the start, or what <see cref="GoOnAt"/> has said; one more with each that replaces it.</summary>
    internal int Generation => Volatile.Read(ref _generation);

    /// <summary>Where each value in force was set.</summary>
    internal ParameterOrigins Origins => Volatile.Read(ref _origins);

    /// <summary>The configuration in force has this number: an earlier process has used those before it. To be called before the host has started.</summary>
    internal void GoOnAt(int generation) => Volatile.Write(ref _generation, generation);

    /// <summary>Looks at the configuration in force.</summary>
    /// <param name="look">Looks, while nothing else happens to it; with its generation.</param>
    /// <param name="cancellationToken">Ends the wait for others.</param>
    internal async Task<T> LookAsync<T>(Func<ShieldConfiguration, int, T> look, CancellationToken cancellationToken)
    {
        await _reloading.WaitAsync(cancellationToken);
        try
        {
            return configuration.InForce(() => look(configuration, _generation));
        }
        finally
        {
            _reloading.Release();
        }
    }

    /// <summary>
    /// Puts other run-time values in force, unless there is an error with them: then nothing changes. The file is not read: it stays as it is in force.
    /// </summary>
    /// <param name="values">The values there are to be, of the generation that is in force.</param>
    /// <param name="look">Looks at the configuration, before and behind the change.</param>
    /// <param name="isTrial">Whether to go back whatever comes of it.</param>
    /// <param name="cancellationToken">Ends the wait for others.</param>
    internal async Task<RunTimeChange<T>> ChangeAsync<T>(
        Func<int, IReadOnlyDictionary<string, string>> values, Func<ShieldConfiguration, T> look, bool isTrial, CancellationToken cancellationToken)
    {
        await _reloading.WaitAsync(cancellationToken);
        try
        {
            return configuration.InForce(() => Change(values(_generation), look, isTrial));
        }
        finally
        {
            _reloading.Release();
        }
    }

    /// <summary>Reads the file again and puts it in force unless it has errors. Everything about it is logged.</summary>
    public async Task<ShieldConfigurationResult> ReloadAsync(CancellationToken cancellationToken)
    {
        await _reloading.WaitAsync(cancellationToken);
        try
        {
            return Reload();
        }
        finally
        {
            _reloading.Release();
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _reloading.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    /// <remarks>The first look is part of the start: who can ask the shield for <see cref="Outcome"/> gets one.</remarks>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await _reloading.WaitAsync(cancellationToken);
        try
        {
            Begin();
        }
        finally
        {
            _reloading.Release();
        }

        await base.StartAsync(cancellationToken);
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
                await ReloadIfSavedAsync(stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The program stops.
        }
    }

    // The file is looked at first and read behind that: what was saved since the program read it for its start is not missed.
    private void Begin()
    {
        _watch.Watch([configuration.Path]);
        var result = configuration.Reload();
        _watch.Watch(result.Files);
        if (configuration.Summarize().ChangesSince(_inForce).Length > 0)
        {
            Reload();
            return;
        }

        Tell(result);
        if (result.Options is null)
            return;
        configuration.Accept();
        Volatile.Write(ref _origins, configuration.Origins());
    }

    private async Task ReloadIfSavedAsync(CancellationToken cancellationToken)
    {
        await _reloading.WaitAsync(cancellationToken);
        try
        {
            if (_watch.HasSettledChange())
                Reload();
        }
        finally
        {
            _reloading.Release();
        }
    }

    private RunTimeChange<T> Change<T>(IReadOnlyDictionary<string, string> values, Func<ShieldConfiguration, T> look, bool isTrial)
    {
        var before = look(configuration);
        var (result, after) = configuration.With(values, () => (configuration.Read(), look(configuration)));
        if (result.Options is { } options && !isTrial)
        {
            configuration.RunTime.Values = values;
            PutInForce(options, configuration.Summarize());
            if (_outcome is { } outcome)
                Volatile.Write(ref _outcome, outcome with { Generation = _generation, InForceSince = _inForceSince });
        }

        return new(result, _generation, before, after);
    }

    private ShieldConfigurationResult Reload()
    {
        _watch.NoteRead();
        var result = configuration.Reload();
        _watch.Watch(result.Files);
        var values = configuration.Summarize();
        if (result.Options is not null && values.LostSince(_inForce, configuration.Path) is { Count: > 0 } lost)
            result = result with { Options = null, Problems = [.. lost, .. result.Problems] };

        logger.Report(result);
        if (result.Options is { } options)
            Replace(options, values);
        else
            ConfigurationLog.ConfigurationRefused(logger, configuration.Path, result.Errors.Count());
        Interlocked.Increment(ref result.Options is null ? ref _refused : ref _applied);
        Tell(result);
        if (result.Options is not null)
            Reloaded?.Invoke();
        return result;
    }

    private void Tell(ShieldConfigurationResult result)
    {
        var path = Path.GetFullPath(configuration.Path);
        var needsRestart = result.Options is { } options && (!Listeners(options).SequenceEqual(_bound) || options.Control.Socket != _control
            || options.Control.StateDirectory != _stateDirectory || AdminOf(options.Control) != _admin
            || !options.Control.MetricsEndpoints.SequenceEqual(_metrics) || options.Listener.Transport != _transport);
        Volatile.Write(ref _outcome,
            new(path, _generation, _inForceSince, time.GetUtcNow(), result.Options is not null, needsRestart, result.Problems));
        state?.Write(new(
            path,
            configuration.File.Digest,
            result.Options is not null,
            needsRestart,
            [.. result.Options is null ? result.Errors.Select(error => error.ToString()) : configuration.Overridden]));
    }

    private static IEnumerable<string> Listeners(ShieldOptions options) =>
        options.Service.Names.Distinct().SelectMany(
            service => options.Of(service).Listener.Endpoints.Select(endpoint => $"{service} {endpoint} {options.Of(service).Listener.Transparent}"));

    private static (string Listen, bool IsTls) AdminOf(ControlOptions options) =>
        (string.Join(' ', options.AdminEndpoints), options.AdminEndpoints.Count > 0 && options.AdminChainFiles.Count > 0);

    // A service that is not there any more serves its clients until the restart, by what was in force for it: not by another one's values.
    private Dictionary<string, ShieldOptions> WithEarlier(IReadOnlyDictionary<string, ShieldOptions> services)
    {
        var all = new Dictionary<string, ShieldOptions>(services, StringComparer.Ordinal);
        foreach (var (service, options) in snapshot.Current.Services)
            all.TryAdd(service, options);
        return all;
    }

    private void Replace(ShieldOptions options, ParameterValues values)
    {
        if (!Listeners(options).SequenceEqual(_bound))
            ConfigurationLog.ListenersChanged(logger, configuration.Path);
        if (options.Control.Socket != _control)
            ConfigurationLog.ControlSocketChanged(logger, configuration.Path);
        if (options.Control.StateDirectory != _stateDirectory)
            ConfigurationLog.StateDirectoryChanged(logger, configuration.Path);
        if (!options.Control.MetricsEndpoints.SequenceEqual(_metrics))
            ConfigurationLog.MetricsListenChanged(logger, configuration.Path);
        if (AdminOf(options.Control) != _admin)
            ConfigurationLog.AdminListenChanged(logger, configuration.Path);
        if (options.Listener.Transport != _transport)
            ConfigurationLog.TransportChanged(logger, configuration.Path);
        var changes = values.ChangesSince(_inForce);
        configuration.Accept();
        PutInForce(options, values);
        ConfigurationLog.ConfigurationReloaded(logger, Version, configuration.Path);
        if (changes.Length > 0)
            ConfigurationLog.ConfigurationChanged(logger, changes);
    }

    private void PutInForce(ShieldOptions options, ParameterValues values)
    {
        Volatile.Write(ref _generation, _generation + 1);
        _inForceSince = time.GetUtcNow();
        _inForce = values;
        Volatile.Write(ref _origins, configuration.Origins());
        try
        {
            snapshot.Replace(options with { Services = WithEarlier(options.Services) });
        }
        catch (AggregateException exception)
        {
            // All have been told; those that failed go on with what they had.
            ConfigurationLog.ReloadIncomplete(logger, configuration.Path, exception.GetBaseException());
        }
    }
}
