using SmtpShield.Options;
using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.Lists;
using SmtpShield.Tls;

namespace SmtpShield.Host.Import;

/// <summary>Judges whether the shield can end a service's TLS in Postfix's place.</summary>
internal sealed class ServiceTls
{
    /// <summary>The parameters that name certificates.</summary>
    public static readonly string[] CertificateParameters = ["smtpd_tls_chain_files", "smtpd_tls_cert_file", "smtpd_tls_key_file", "tls_server_sni_maps"];

    // They ask for the client's certificate, or whether the session Postfix sees is encrypted.
    private static readonly string[] NeedPostfix = ["permit_tls_clientcerts", "permit_tls_all_clientcerts", "check_ccert_access", "reject_plaintext_session"];

    private static readonly string[] ClientCertificates = ["smtpd_tls_ask_ccert", "smtpd_tls_req_ccert"];

    /// <summary>Judges a service.</summary>
    public ServiceTls(ServiceValues values, bool isWrapped, bool offersTls)
    {
        var options = Options(values);
        if (!offersTls && !isWrapped)
        {
            Why = "Postfix offers no TLS there";
            return;
        }
        Place = TlsPlace.Postfix;
        if (!options.HasCertificate)
            Why = "no certificate is set in smtpd_tls_chain_files or smtpd_tls_cert_file";
        else if (NeedsPostfix(values) is { } need)
            Why = $"{need} needs TLS in Postfix";
        else if (Problem(options) is { } problem)
            Why = problem;
        else
            (Place, Files) = (TlsPlace.Shield, options.ChainFiles.Count > 0 ? options.ChainFiles : [options.CertificateFile, options.KeyFile]);
    }

    /// <summary>Where TLS ends.</summary>
    public TlsPlace Place { get; }

    /// <summary>Why not in the shield; empty when it does.</summary>
    public string Why { get; } = "";

    /// <summary>The files with keys, where TLS ends in the shield.</summary>
    public IReadOnlyList<string> Files { get; } = [];

    /// <summary>The ones of <see cref="Files"/> that not everybody can read.</summary>
    public IEnumerable<string> ProtectedFiles =>
        Files.Distinct().Where(file => !OperatingSystem.IsWindows() && !File.GetUnixFileMode(file).HasFlag(UnixFileMode.OtherRead));

    private static TlsOptions Options(ServiceValues values)
    {
        var certificate = values.Text("smtpd_tls_cert_file");
        return new()
        {
            ChainFiles = ListTokenizer.Split(values.Text("smtpd_tls_chain_files")),
            CertificateFile = certificate == "none" ? "" : certificate,
            KeyFile = values.Text("smtpd_tls_key_file"),
            SniMaps = ListTokenizer.Split(values.Text("tls_server_sni_maps")),
        };
    }

    private static string? NeedsPostfix(ServiceValues values)
    {
        if (ClientCertificates.FirstOrDefault(name => values.Text(name).Equals("yes", StringComparison.OrdinalIgnoreCase)) is { } asked)
            return asked;
        var words = values.Settings.SelectMany(setting => ListTokenizer.Split(setting.Value)).ToHashSet(StringComparer.OrdinalIgnoreCase);
        return NeedPostfix.FirstOrDefault(words.Contains);
    }

    private static string? Problem(TlsOptions options) =>
        CertificateStore.ProblemsOf(options, TimeProvider.System).FirstOrDefault(problem => problem.Severity == ProblemSeverity.Error)?.ToString();
}
