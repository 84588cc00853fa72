using System.Net;

namespace SmtpShield.Testing.Outside;

/// <summary>A real redis-server of the test's own, which keeps nothing on the disk.</summary>
public sealed class RedisInstance : IAsyncDisposable
{
    private readonly string _directory;
    private OutsideProcess? _process;

    private RedisInstance(string directory, IPEndPoint endPoint, OutsideProcess process) => (_directory, EndPoint, _process) = (directory, endPoint, process);

    /// <summary>Whether it is there.</summary>
    public static bool IsInstalled => OutsideProcess.IsInstalled("redis-server");

    /// <summary>Where it listens.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>Its process.</summary>
    public int Id => _process?.Id ?? throw new InvalidOperationException("It is stopped.");

    /// <summary>As a value of <c>shield_shared_store</c>.</summary>
    public string Address => $"redis://{EndPoint}";

    /// <summary>Starts it and waits until it listens.</summary>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="lines">More lines of its configuration.</param>
    public static async Task<RedisInstance> StartAsync(CancellationToken cancellationToken, params string[] lines)
    {
        var directory = Directory.CreateTempSubdirectory("smtpshield-redis-").FullName;
        var endPoint = new IPEndPoint(IPAddress.Loopback, LoopbackPorts.Take());
        await File.WriteAllLinesAsync(
            Path.Combine(directory, "redis.conf"),
            [$"bind {endPoint.Address}", $"port {endPoint.Port}", $"dir {directory}", "save \"\"", "appendonly no", "daemonize no", .. lines],
            cancellationToken);
        var instance = new RedisInstance(directory, endPoint, Run(directory));
        await instance.WaitAsync(cancellationToken);
        return instance;
    }

    /// <summary>Starts it anew, empty, behind <see cref="StopAsync"/>.</summary>
    public async Task StartAgainAsync(CancellationToken cancellationToken)
    {
        _process = Run(_directory);
        await WaitAsync(cancellationToken);
    }

    /// <summary>Kills it.</summary>
    public ValueTask StopAsync()
    {
        var process = _process;
        _process = null;
        return process?.DisposeAsync() ?? ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Directory.Delete(_directory, recursive: true);
    }

    private static OutsideProcess Run(string directory) => OutsideProcess.Start("redis-server", [Path.Combine(directory, "redis.conf")], directory);

    private Task WaitAsync(CancellationToken cancellationToken) => Eventually.HoldsAsync(
        () => _process is { HasExited: true } ended
            ? throw new InvalidOperationException($"redis-server has ended:\n{ended.Output}")
            : LoopbackPorts.IsListening(EndPoint.Port),
        TimeSpan.FromSeconds(20), "redis-server listens", cancellationToken);
}
