using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;
using SmtpShield.Options;
using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.Files;

namespace SmtpShield.Tls;

/// <summary>
/// The certificates of one service. Files that change are read again within three seconds, and at each reload; key and chain go into use together. Files that
/// can't be used leave the earlier certificates in use.
/// </summary>
internal sealed partial class CertificateStore : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ExpiryInterval = TimeSpan.FromDays(1);
    private static readonly TimeSpan ExpiryNotice = TimeSpan.FromDays(14);

    private readonly ShieldService _service;
    private readonly ILogger<CertificateStore> _logger;
    private readonly TimeProvider _time;
    private readonly FileWatch _watch = new();
    private readonly Lock _reloading = new();
    private readonly ITimer _timer;
    private readonly IDisposable _registration;
    private volatile CertificateSet _current;
    private long _expiryChecked;
    private bool _isDisposed;

    /// <summary>Loads the certificates.</summary>
    /// <exception cref="CertificateException">One can't be loaded.</exception>
    public CertificateStore(ShieldService service, ILogger<CertificateStore> logger, TimeProvider time)
    {
        _service = service;
        _logger = logger;
        _time = time;
        var loader = new CertificateLoader(service.Unstressed.Tls, time.GetUtcNow(), CertificateSet.None(new()));
        _current = loader.Load()
            ?? throw new CertificateException(string.Join("; ", loader.Problems.Where(static problem => problem.Severity == ProblemSeverity.Error)));
        _watch.Watch(loader.Files);
        LogWarnings(loader);
        LogExpiry();
        _registration = ChangeToken.OnChange(service.GetChangeToken, Reload);
        _timer = time.CreateTimer(static store => ((CertificateStore)store!).Check(), this, Interval, Interval);
    }

    /// <summary>The certificates in use.</summary>
    public CertificateSet Current => _current;

    /// <summary>What is wrong with the certificates a configuration names, for <c>smtpshield check</c>.</summary>
    public static IReadOnlyList<ConfigurationProblem> ProblemsOf(TlsOptions options, TimeProvider time)
    {
        var loader = new CertificateLoader(options, time.GetUtcNow(), CertificateSet.None(new()));
        loader.Load();
        return loader.Problems;
    }

    /// <summary>The files with certificates and keys that a configuration names, those its tables name included.</summary>
    public static IReadOnlyCollection<string> FilesOf(TlsOptions options, TimeProvider time)
    {
        var loader = new CertificateLoader(options, time.GetUtcNow(), CertificateSet.None(new()));
        loader.Load();
        return loader.Files;
    }

    /// <inheritdoc />
    public void Dispose()
    {
        lock (_reloading)
            _isDisposed = true;
        _registration.Dispose();
        _timer.Dispose();
    }

    private void Check()
    {
        // A slow disk makes the next tick come before this one is over.
        if (!_reloading.TryEnter())
            return;

        try
        {
            if (_watch.HasSettledChange())
                Reload();
            if (_time.GetElapsedTime(_expiryChecked) >= ExpiryInterval)
                LogExpiry();
        }
        finally
        {
            _reloading.Exit();
        }
    }

    private void Reload()
    {
        lock (_reloading)
        {
            if (_isDisposed)
                return;

            var loader = new CertificateLoader(_service.Unstressed.Tls, _time.GetUtcNow(), _current);
            var set = loader.Load();
            _watch.Watch(loader.Files);
            LogWarnings(loader);
            if (set is null)
            {
                Log.CertificatesKept(_logger, _service.Name);
                return;
            }

            // Without a change sessions stay resumable.
            if (IsSame(set, _current))
                return;

            _current = set;
            Log.CertificatesReloaded(_logger, _service.Name);
            LogExpiry();
        }
    }

    private static bool IsSame(CertificateSet one, CertificateSet other) =>
        ReferenceEquals(one.Default, other.Default)
        && one.ByName.Count == other.ByName.Count
        && one.ByName.All(entry => ReferenceEquals(entry.Value, other.ByName.GetValueOrDefault(entry.Key)));

    private void LogWarnings(CertificateLoader loader)
    {
        foreach (var problem in loader.Problems)
            Log.CertificateWarning(_logger, problem);
    }

    private void LogExpiry()
    {
        _expiryChecked = _time.GetTimestamp();
        var now = _time.GetUtcNow();
        foreach (var certificate in _current.All)
        {
            var left = certificate.Leaf.NotAfter.ToUniversalTime() - now.UtcDateTime;
            if (left > TimeSpan.Zero && left < ExpiryNotice)
                Log.CertificateExpires(_logger, certificate.File, (int)left.TotalDays);
        }
    }

    private static partial class Log
    {
        // Event ids 2010 to 2019. Next free: 2014.

        [LoggerMessage(2010, LogLevel.Warning, "{Problem}")]
        public static partial void CertificateWarning(ILogger logger, ConfigurationProblem problem);

        [LoggerMessage(2011, LogLevel.Warning, "service {Service}: its certificates could not be loaded; the earlier ones stay in use")]
        public static partial void CertificatesKept(ILogger logger, string service);

        [LoggerMessage(2012, LogLevel.Information, "service {Service}: new certificates are in use")]
        public static partial void CertificatesReloaded(ILogger logger, string service);

        [LoggerMessage(2013, LogLevel.Warning, "{File}: the certificate expires in {Days} days (renew it)")]
        public static partial void CertificateExpires(ILogger logger, string file, int days);
    }
}
