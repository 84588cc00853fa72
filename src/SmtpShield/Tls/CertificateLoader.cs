using System.Globalization;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using SmtpShield.Options;
using SmtpShield.PostfixConf;

namespace SmtpShield.Tls;

/// <summary>One reading of all certificate files of a service. Collects what is wrong with them instead of stopping at the first.</summary>
/// <param name="options">Which files.</param>
/// <param name="now">The time, for the certificates' dates.</param>
/// <param name="earlier">The certificates in use: those that have not changed stay, and with them the sessions that can be resumed.</param>
/// <param name="chainFiles">The parameter that names the chain files.</param>
internal sealed class CertificateLoader(
    TlsOptions options, DateTimeOffset now, CertificateSet earlier, string chainFiles = CertificateLoader.ChainFiles)
{
    private const string EncryptedLabel = "ENCRYPTED PRIVATE KEY";
    private const string ChainFiles = "smtpd_tls_chain_files";
    private const string CertificateFile = "smtpd_tls_cert_file";
    private const string KeyFile = "smtpd_tls_key_file";
    private const string SniMaps = "tls_server_sni_maps";
    private const int ShortestRsaKey = 2048;

    private readonly List<ConfigurationProblem> _problems = [];
    private readonly HashSet<string> _files = [];
    private readonly Dictionary<string, ServerCertificate?> _loaded = [];

    /// <summary>What is wrong: with an error there is no set.</summary>
    public IReadOnlyList<ConfigurationProblem> Problems => _problems;

    /// <summary>The files that were read, or should have been.</summary>
    public IReadOnlyCollection<string> Files => _files;

    /// <summary>Reads everything.</summary>
    /// <returns>The certificates; null with an error.</returns>
    public CertificateSet? Load()
    {
        try
        {
            return LoadAll();
        }
        catch (Exception exception)
        {
            // It runs beside sessions: whatever a file makes our own code throw is a file that can't be used.
            _problems.Add(ConfigurationProblem.Error(new(string.Join(", ", _files)), chainFiles,
                $"cannot be evaluated: {exception.GetType().Name}: {exception.Message}", "a bug: report it with the files"));
            return null;
        }
    }

    private CertificateSet? LoadAll()
    {
        if (!options.HasCertificate)
            return CertificateSet.None(earlier.Sessions);

        var main = options.ChainFiles.Count > 0
            ? LoadChain(options.ChainFiles, chainFiles)
            : LoadPair(options.CertificateFile, options.KeyFile.Length > 0 ? options.KeyFile : options.CertificateFile);
        var byName = new Dictionary<string, ServerCertificate>();
        foreach (var (name, files) in SniMap.Read(options.SniMaps, _files, _problems))
        {
            if (LoadChain(files, SniMaps) is { } certificate)
                byName.TryAdd(name, certificate);
        }

        return _problems.Exists(problem => problem.Severity == ProblemSeverity.Error) ? null : new(main, earlier.Sessions, byName);
    }

    // Each key begins a chain, whose certificates follow it, the server's own first: Postfix smtpd_tls_chain_files, postconf(5).
    private ServerCertificate? LoadChain(IReadOnlyList<string> files, string parameter)
    {
        var id = string.Join(',', files);
        if (_loaded.TryGetValue(id, out var known))
            return known;

        string? key = null;
        List<string> chain = [];
        var keyFile = "";
        var ignored = 0;
        foreach (var file in files)
        {
            if (Read(file, parameter) is not { } pem)
                return _loaded[id] = null;

            foreach (var item in pem.Objects)
            {
                if (!PemFile.IsKey(item))
                {
                    if (key is null)
                        return _loaded[id] = Fail(file, parameter, "begins with a certificate", "write the private key before its certificate");
                    if (ignored == 0)
                        chain.Add(item.Text);
                }
                else if (key is null)
                {
                    if (IsEncrypted(item, file, parameter))
                        return _loaded[id] = null;
                    (key, keyFile) = (item.Text, file);
                }
                else if (ignored++ == 0)
                {
                    _problems.Add(ConfigurationProblem.Warning(new(file), parameter, "only the first key and chain is used, not the next one",
                        "an ECDSA or an RSA key alone serves all clients of today; keep one of them"));
                }
            }
        }

        return _loaded[id] = key is null
            ? Fail(files[0], parameter, "has no private key", "write the private key before its certificate")
            : Make(keyFile, parameter, key, chain);
    }

    private ServerCertificate? LoadPair(string certificateFile, string keyFile)
    {
        var certificates = Read(certificateFile, CertificateFile);
        var keys = Read(keyFile, KeyFile);
        if (certificates is null || keys is null)
            return null;

        var key = keys.Objects.FirstOrDefault(PemFile.IsKey);
        if (key.Text is null)
            return Fail(keyFile, KeyFile, "has no private key", "name the file with the key in smtpd_tls_key_file");
        return IsEncrypted(key, keyFile, KeyFile)
            ? null
            : Make(certificateFile, CertificateFile, key.Text, [.. certificates.Objects.Where(item => !PemFile.IsKey(item)).Select(item => item.Text)]);
    }

    private PemFile? Read(string file, string parameter)
    {
        _files.Add(file);
        try
        {
            return PemFile.Read(file);
        }
        catch (FormatException exception)
        {
            Fail(file, parameter, exception.Message, "write the file with PEM objects, readable for the shield");
            return null;
        }
    }

    private bool IsEncrypted((string Label, string Text) key, string file, string parameter)
    {
        var isEncrypted = key.Label == EncryptedLabel || key.Text.Contains("Proc-Type: 4,ENCRYPTED", StringComparison.Ordinal);
        if (isEncrypted)
            Fail(file, parameter, "the private key is encrypted", "decrypt it: openssl pkey -in FILE; the file must be readable for the shield only");
        return isEncrypted;
    }

    private ServerCertificate? Make(string file, string parameter, string key, List<string> chain)
    {
        if (chain.Count == 0)
            return Fail(file, parameter, "has no certificate for its private key", "write the certificate behind the key");

        try
        {
            var leaf = X509Certificate2.CreateFromPem(chain[0], key);
            CheckDates(leaf, file, parameter);
            CheckKey(leaf, file, parameter);
            var fingerprint = Convert.ToHexString(SHA256.HashData(Encoding.Latin1.GetBytes(string.Join('\n', chain.Prepend(key)))));
            if (earlier.All.FirstOrDefault(certificate => certificate.Fingerprint == fingerprint) is { } same)
            {
                leaf.Dispose();
                return same;
            }

            X509Certificate2Collection others = [.. chain.Skip(1).Select(text => X509Certificate2.CreateFromPem(text))];
            return new(file, fingerprint, leaf, SslStreamCertificateContext.Create(leaf, others, offline: true));
        }
        catch (Exception exception) when (exception is CryptographicException or ArgumentException or NotSupportedException or PlatformNotSupportedException)
        {
            return Fail(file, parameter, $"the key and the certificate can't be used: {exception.Message}", "they must belong together, and be RSA or ECDSA");
        }
    }

    // Postfix serves such certificates without a word, and most senders take them.
    private void CheckDates(X509Certificate2 certificate, string file, string parameter)
    {
        var (begin, end) = (certificate.NotBefore.ToUniversalTime(), certificate.NotAfter.ToUniversalTime());
        if (now < begin)
            _problems.Add(ConfigurationProblem.Warning(new(file), parameter, $"the certificate is not valid before {Date(begin)}", "is the clock right?"));
        else if (now > end)
            _problems.Add(ConfigurationProblem.Warning(new(file), parameter, $"the certificate has expired on {Date(end)}", "renew it"));
    }

    // OpenSSL's security level 2, the usual one, takes no shorter key, and says so no earlier than in a handshake.
    private void CheckKey(X509Certificate2 certificate, string file, string parameter)
    {
        using var rsa = certificate.GetRSAPublicKey();
        if (rsa is { KeySize: < ShortestRsaKey })
            _problems.Add(ConfigurationProblem.Warning(new(file), parameter,
                $"the RSA key has only {rsa.KeySize} bits: OpenSSL may refuse every handshake with it", "make one of 2048 bits, or an ECDSA key"));
    }

    private static string Date(DateTime time) => time.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture) + " UTC";

    private ServerCertificate? Fail(string file, string parameter, string message, string hint)
    {
        _problems.Add(ConfigurationProblem.Error(new(file), parameter, message, hint));
        return null;
    }
}
