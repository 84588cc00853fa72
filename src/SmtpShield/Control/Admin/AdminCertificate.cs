using System.Net.Security;
using System.Security.Authentication;
using Microsoft.Extensions.Logging;
using SmtpShield.Options;
using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.Files;
using SmtpShield.Tls;

namespace SmtpShield.Control.Admin;

/// <summary>
/// The certificate of <c>shield_admin_tls_chain_files</c>. Its files are looked at when somebody connects, once a second at most; those that can't be used
/// leave the earlier one in use.
/// </summary>
internal sealed partial class AdminCertificate(ShieldSnapshot snapshot, TimeProvider time, ILogger<AdminCertificate> log)
{
    /// <summary>The parameter that names its files.</summary>
    public const string Parameter = "shield_admin_tls_chain_files";

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly FileWatch _watch = new();
    private CertificateSet _set = CertificateSet.None(new());
    private long _lookedAt;

    /// <summary>What is wrong with the files a configuration names.</summary>
    public static IReadOnlyList<ConfigurationProblem> ProblemsOf(ControlOptions options, TimeProvider time)
    {
        var loader = LoaderOf(options, time, CertificateSet.None(new()));
        loader.Load();
        return loader.Problems;
    }

    /// <summary>Reads the files.</summary>
    /// <returns>Whether there is a certificate; if not, the log says why.</returns>
    public bool TryLoad()
    {
        lock (_gate)
        {
            var loader = LoaderOf(snapshot.Current.Control, time, _set);
            var loaded = loader.Load();
            _watch.Watch(loader.Files);
            _lookedAt = time.GetTimestamp();
            foreach (var problem in loader.Problems)
                Log.Problem(log, problem);
            if (loaded is { Default: not null })
                _set = loaded;
            return loaded is { Default: not null };
        }
    }

    /// <summary>What a handshake that begins now is made with.</summary>
    public SslServerAuthenticationOptions ForHandshake()
    {
        lock (_gate)
        {
            if (time.GetElapsedTime(_lookedAt) >= Interval)
            {
                _lookedAt = time.GetTimestamp();
                if (_watch.HasSettledChange())
                    TryLoad();
            }

            return new()
            {
                ServerCertificateContext = _set.Default!.Context,
                EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
                ApplicationProtocols = [SslApplicationProtocol.Http11],
            };
        }
    }

    private static CertificateLoader LoaderOf(ControlOptions options, TimeProvider time, CertificateSet earlier) =>
        new(new() { ChainFiles = options.AdminChainFiles }, time.GetUtcNow(), earlier, Parameter);

    private static partial class Log
    {
        [LoggerMessage(2310, LogLevel.Warning, "{Problem}", EventName = "AdminCertificateProblem")]
        public static partial void Problem(ILogger logger, ConfigurationProblem problem);
    }
}
