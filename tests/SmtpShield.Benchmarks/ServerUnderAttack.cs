using System.Globalization;
using System.Net;
using SmtpShield.Testing.Attacks;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Tls;

namespace SmtpShield.Benchmarks;

/// <summary>A server of one run: a Postfix with its default limits alone, the shield with its own before a Postfix without, or two smtp-sink(1).</summary>
internal sealed class ServerUnderAttack : IAsyncDisposable
{
    /// <summary>A Postfix alone.</summary>
    public const string Postfix = "postfix";

    /// <summary>The shield before a Postfix.</summary>
    public const string Shield = "shield";

    /// <summary>
    /// Postfix's smtp-sink(1), which answers everything at once and knows no limit. The known client has one for itself, so that its figures show what the
    /// attackers take from those who measure.
    /// </summary>
    public const string Sink = "sink";

    private readonly List<IAsyncDisposable> _parts = [];
    private readonly string _directory = Directory.CreateTempSubdirectory("smtpshield-attacked-").FullName;
    private string? _log;
    private string? _mtaLog;

    private ServerUnderAttack()
    {
    }

    /// <summary>Where the attackers connect.</summary>
    public IPEndPoint Attacked { get; private set; } = null!;

    /// <summary>Where the known client connects: to the same, except with <see cref="Sink"/>.</summary>
    public IPEndPoint EndPoint { get; private set; } = null!;

    /// <summary>Where the MTA listens: the one attacked without a shield.</summary>
    public IPEndPoint Mta { get; private set; } = null!;

    /// <summary>Octets it has logged.</summary>
    public long Logged => LengthOf(_log);

    /// <summary>Octets the MTA has logged.</summary>
    public long LoggedByMta => LengthOf(_mtaLog);

    /// <summary>Starts one, with the limits the attack asks for.</summary>
    public static async Task<ServerUnderAttack> StartAsync(string name, Attack attack, CancellationToken cancellationToken)
    {
        var server = new ServerUnderAttack();
        try
        {
            await (name == Sink ? server.StartSinksAsync(cancellationToken) : server.StartServersAsync(name == Shield, attack, cancellationToken));
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Ends it.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var part in Enumerable.Reverse(_parts))
            await part.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    private static long LengthOf(string? log) => log is not null && File.Exists(log) ? new FileInfo(log).Length : 0;

    private async Task StartServersAsync(bool isShielded, Attack attack, CancellationToken cancellationToken)
    {
        var chain = Path.Combine(_directory, "chain.pem");
        await File.WriteAllTextAsync(chain, TestCertificate.MakeRsa(PostfixInstance.HostName).Chain, cancellationToken);
        var limits = new Dictionary<string, string> { ["smtpd_tls_chain_files"] = chain, ["smtpd_tls_security_level"] = "may" };
        if (attack.ConnectionRateLimit is { } rate)
            limits["smtpd_client_connection_rate_limit"] = rate.ToString(CultureInfo.InvariantCulture);

        // Mail is thrown away, so that only what the attack costs is measured. The rest is as Postfix has it by default: 100 processes above all.
        var service = isShielded ? PostfixService.WithoutLimits("attacked") : new("attacked", limits);
        var mainCf = new Dictionary<string, string> { ["virtual_transport"] = "discard:", ["anvil_rate_time_unit"] = "60s", ["max_idle"] = "100s" };
        var postfix = await PostfixInstance.StartAsync([service], cancellationToken, mainCf);
        _parts.Add(postfix);
        Attacked = EndPoint = Mta = postfix.EndPointOf(service.Name);
        _log = _mtaLog = postfix.LogPath;
        if (!isShielded)
            return;

        var shield = await ShieldProcess.StartAsync(Mta, new Dictionary<string, string>(limits)
        {
            ["anvil_rate_time_unit"] = "60s", ["shield_log_client_limit"] = ShieldProcess.OwnDefault,
        }, cancellationToken);
        _parts.Add(shield);
        Attacked = EndPoint = shield.EndPoint;
        _log = shield.LogPath;
    }

    private async Task StartSinksAsync(CancellationToken cancellationToken)
    {
        Attacked = Mta = await StartSinkAsync(cancellationToken);
        EndPoint = await StartSinkAsync(cancellationToken);
    }

    private async Task<IPEndPoint> StartSinkAsync(CancellationToken cancellationToken)
    {
        var endPoint = new IPEndPoint(IPAddress.Loopback, LoopbackPorts.Take());
        var sink = OutsideProcess.Start("smtp-sink", ["-u", "nobody", "-m", "10000", endPoint.ToString(), "4096"]);
        _parts.Add(sink);
        await Eventually.HoldsAsync(() => sink.HasExited || LoopbackPorts.IsListening(endPoint.Port), TimeSpan.FromSeconds(20), "smtp-sink listens",
            cancellationToken);
        return !sink.HasExited ? endPoint : throw new InvalidOperationException($"smtp-sink ended:\n{sink.Output}");
    }
}
