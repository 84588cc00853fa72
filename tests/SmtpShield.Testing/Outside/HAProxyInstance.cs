using System.Net;

namespace SmtpShield.Testing.Outside;

/// <summary>A real HAProxy of the test's own, before one server.</summary>
public sealed class HAProxyInstance : IAsyncDisposable
{
    private readonly string _directory;
    private readonly OutsideProcess _process;

    private HAProxyInstance(string directory, OutsideProcess process, IPEndPoint endPoint)
    {
        _directory = directory;
        _process = process;
        EndPoint = endPoint;
    }

    /// <summary>Its process, the only one.</summary>
    public int Id => _process.Id;

    /// <summary>Where it listens.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>Starts it and waits until it listens.</summary>
    /// <param name="server">The server behind it.</param>
    /// <param name="options">Words of the <c>server</c> line.</param>
    /// <param name="check">A line of the backend, as <c>option smtpchk</c>; may be empty.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <param name="isDualStack">Whether one socket is for IPv6 and IPv4, as with <c>bind :::25 v4v6</c>.</param>
    /// <param name="frontend">Lines of the frontend; may be empty.</param>
    /// <param name="bind">Words of the <c>bind</c> line.</param>
    public static async Task<HAProxyInstance> StartAsync(
        IPEndPoint server, string options, string check, CancellationToken cancellationToken, bool isDualStack = false, string frontend = "", string bind = "")
    {
        var directory = Directory.CreateTempSubdirectory("smtpshield-haproxy-").FullName;
        var endPoint = new IPEndPoint(IPAddress.Loopback, LoopbackPorts.Take());
        var configuration = Path.Combine(directory, "haproxy.cfg");
        await File.WriteAllTextAsync(
            configuration,
            $"""
            defaults
                mode tcp
                timeout connect 5s
                timeout client 60s
                timeout server 60s
                timeout check 5s
            frontend clients
                bind {(isDualStack ? $":::{endPoint.Port} v4v6" : endPoint)} {bind}
                {frontend}
                unique-id-format %ci:%cp
                default_backend shield
            backend shield
                {check}
                server shield {server} {options}

            """,
            cancellationToken);
        var instance = new HAProxyInstance(directory, OutsideProcess.Start("haproxy", ["-db", "-f", configuration]), endPoint);
        if (await Eventually.TryAsync(() => instance._process.HasExited || LoopbackPorts.IsListening(endPoint.Port), TimeSpan.FromSeconds(20),
            cancellationToken) && !instance._process.HasExited)
        {
            return instance;
        }
        var output = instance._process.Output;
        await instance.DisposeAsync();
        throw new InvalidOperationException($"HAProxy does not listen:\n{output}");
    }

    /// <summary>Ends it and removes its files.</summary>
    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }
}
