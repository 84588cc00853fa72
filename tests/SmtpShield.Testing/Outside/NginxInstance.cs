using System.Net;

namespace SmtpShield.Testing.Outside;

/// <summary>A real nginx of the test's own, whose stream module passes connections on with a PROXY header of version 1: the only one it writes.</summary>
public sealed class NginxInstance : IAsyncDisposable
{
    private const string StreamModule = "/usr/lib/nginx/modules/ngx_stream_module.so";

    private readonly string _directory;
    private readonly OutsideProcess _process;

    private NginxInstance(string directory, OutsideProcess process, IPEndPoint endPoint)
    {
        _directory = directory;
        _process = process;
        EndPoint = endPoint;
    }

    /// <summary>Its process, the only one.</summary>
    public int Id => _process.Id;

    /// <summary>Whether nginx and its stream module are there.</summary>
    public static bool IsInstalled => OutsideProcess.IsInstalled("nginx") && File.Exists(StreamModule);

    /// <summary>Where it listens: at this port of all addresses.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>Starts it with one socket for IPv6 and IPv4, and waits until it listens.</summary>
    /// <param name="server">The server behind it.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <param name="isProxyProtocol">Whether it tells the server who the client is.</param>
    /// <param name="connectionLimit">How many connections a client may have; null: as many as it likes.</param>
    public static async Task<NginxInstance> StartAsync(
        IPEndPoint server, CancellationToken cancellationToken, bool isProxyProtocol = true, int? connectionLimit = null)
    {
        var directory = Directory.CreateTempSubdirectory("smtpshield-nginx-").FullName;
        var endPoint = new IPEndPoint(IPAddress.Loopback, LoopbackPorts.Take());
        var configuration = Path.Combine(directory, "nginx.conf");
        await File.WriteAllTextAsync(
            configuration,
            $$"""
            load_module {{StreamModule}};
            daemon off;
            master_process off;
            pid {{directory}}/pid;
            error_log stderr;
            events { worker_connections 10000; }
            stream {
                limit_conn_zone $binary_remote_addr zone=clients:10m;
                server {
                    listen [::]:{{endPoint.Port}} ipv6only=off;
                    proxy_pass {{server}};
                    proxy_protocol {{(isProxyProtocol ? "on" : "off")}};
                    {{(connectionLimit is { } limit ? $"limit_conn clients {limit};" : "")}}
                }
            }

            """,
            cancellationToken);
        var instance = new NginxInstance(directory, OutsideProcess.Start("nginx", ["-p", directory, "-c", configuration]), endPoint);
        if (await Eventually.TryAsync(() => instance._process.HasExited || LoopbackPorts.IsListening(endPoint.Port), TimeSpan.FromSeconds(20),
            cancellationToken) && !instance._process.HasExited)
        {
            return instance;
        }
        var output = instance._process.Output;
        await instance.DisposeAsync();
        throw new InvalidOperationException($"nginx does not listen:\n{output}");
    }

    /// <summary>Ends it and removes its files.</summary>
    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }
}
