using System.Net;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Tls;

namespace SmtpShield.PostfixTests.ThirdParty;

/// <summary>
/// A Postfix with and without STARTTLS, before it a shield with a service for each TLS mode, and an authority that has signed the certificates of all. Its one
/// account is <c>good</c>, <c>right</c>.
/// </summary>
internal sealed class TlsServers : IAsyncDisposable
{
    /// <summary>
    /// The shield's services: it ends TLS before a Postfix without; the same with TLS to Postfix; Postfix's own STARTTLS; TLS from the first octet on.
    /// </summary>
    public static readonly string[] Modes = ["terminate", "encrypt", "passthrough", "wrapper"];

    /// <summary>A name of <c>tls_server_sni_maps</c>.</summary>
    public const string OtherName = "other.example.test";

    private readonly SaslServer _sasl = new("good", "right");
    private readonly string _directory = Directory.CreateTempSubdirectory("smtpshield-peers-").FullName;
    private readonly Dictionary<string, IPEndPoint> _endPoints = [];
    private PostfixInstance? _postfix;
    private ShieldProcess? _shield;

    private TlsServers()
    {
    }

    public PostfixInstance Postfix => _postfix ?? throw new InvalidOperationException("Postfix was not started");

    public ShieldProcess Shield => _shield ?? throw new InvalidOperationException("The shield was not started");

    /// <summary>A directory for files of the test.</summary>
    public string FilesDirectory => _directory;

    /// <summary>The authority's certificate.</summary>
    public string AuthorityFile => Path.Combine(_directory, "authority.pem");

    /// <summary>The certificate of all, for the host's name.</summary>
    public TestCertificate Certificate { get; private set; } = null!;

    public static async Task<TlsServers> StartAsync(CancellationToken cancellationToken)
    {
        RealPostfix.Require();
        var servers = new TlsServers();
        try
        {
            await servers.StartServersAsync(cancellationToken);
            return servers;
        }
        catch
        {
            await servers.DisposeAsync();
            throw;
        }
    }

    /// <summary>Where the service of a mode listens.</summary>
    public IPEndPoint EndPointOf(string mode) => _endPoints[mode];

    public async ValueTask DisposeAsync()
    {
        if (_shield is not null)
            await _shield.DisposeAsync();
        if (_postfix is not null)
            await _postfix.DisposeAsync();
        await _sasl.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    private async Task StartServersAsync(CancellationToken cancellationToken)
    {
        var authority = TestCertificate.Make("authority.example.test");
        Certificate = authority.Issue(PostfixInstance.HostName);
        var (chain, other) = (Path.Combine(_directory, "chain.pem"), Path.Combine(_directory, "other.pem"));
        await File.WriteAllTextAsync(AuthorityFile, authority.CertificatePem, cancellationToken);
        await File.WriteAllTextAsync(chain, Certificate.Chain, cancellationToken);
        await File.WriteAllTextAsync(other, authority.Issue(OtherName).Chain, cancellationToken);

        _postfix = await PostfixInstance.StartAsync(
            [
                PostfixService.WithoutLimits("clear"),
                PostfixService.WithoutLimits("starttls",
                    new Dictionary<string, string> { ["smtpd_tls_security_level"] = "encrypt", ["smtpd_tls_chain_files"] = chain }),
            ],
            cancellationToken,
            _sasl.Parameters);

        foreach (var mode in Modes)
            _endPoints[mode] = new(IPAddress.Loopback, LoopbackPorts.Take());
        var parameters = new Dictionary<string, string>
        {
            ["shield_services"] = string.Join(' ', Modes),
            ["shield_listen"] = EndPointOf("terminate").ToString(),
            ["smtpd_tls_chain_files"] = chain,
            ["tls_server_sni_maps"] = $"inline:{{ {OtherName}={other} }}",
            ["smtpd_tls_loglevel"] = "1",
            ["encrypt/inet/shield_upstream"] = _postfix.EndPointOf("starttls").ToString(),
            ["encrypt/inet/shield_upstream_tls_security_level"] = "encrypt",
            ["passthrough/inet/shield_upstream"] = _postfix.EndPointOf("starttls").ToString(),
            ["passthrough/inet/smtpd_tls_chain_files"] = "",
            ["passthrough/inet/tls_server_sni_maps"] = "",
            ["wrapper/inet/smtpd_tls_wrappermode"] = "yes",
        };
        foreach (var mode in Modes[1..])
            parameters[$"{mode}/inet/shield_listen"] = EndPointOf(mode).ToString();
        _shield = await ShieldProcess.StartAsync(_postfix.EndPointOf("clear"), parameters, cancellationToken);
        await Eventually.HoldsAsync(() => LoopbackPorts.AreListening([.. _endPoints.Values.Select(endPoint => endPoint.Port)]), TimeSpan.FromSeconds(20),
            "all services listen", cancellationToken);
    }
}
