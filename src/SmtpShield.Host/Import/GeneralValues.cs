namespace SmtpShield.Host.Import;

/// <summary>What is written for all services: main.cf without the overrides of any.</summary>
/// <param name="Parameters">The parameters.</param>
/// <param name="ProcessLimit">Postfix's <c>default_process_limit</c>; 0 for no limit.</param>
internal sealed record GeneralValues(IReadOnlyList<ImportedParameter> Parameters, int ProcessLimit)
{
    /// <summary>Whether there is a certificate.</summary>
    public bool HasCertificate => Parameters.Any(parameter => parameter.IsTaken && parameter.Value.Length > 0
        && parameter.Setting.Name is "smtpd_tls_chain_files" or "smtpd_tls_cert_file");

    /// <summary>Whether a service need not have this of its own, because all have it.</summary>
    public bool Has(ImportedParameter parameter) =>
        !parameter.Setting.IsOverride
        && Parameters.Any(general => general.Setting.Name == parameter.Setting.Name && (general.Value == parameter.Value || !parameter.IsTaken))
        || ServiceTls.CertificateParameters.Contains(parameter.Setting.Name) && !parameter.IsTaken && !parameter.Setting.IsOverride;
}
