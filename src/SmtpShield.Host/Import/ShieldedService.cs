using System.Globalization;
using SmtpShield.Options.Parameters;
using SmtpShield.PostfixConf.Parameters;

namespace SmtpShield.Host.Import;

/// <summary>A service of Postfix's that becomes one of the shield, with what it has of its own.</summary>
internal sealed class ShieldedService
{
    private const string SecurityLevel = "smtpd_tls_security_level";

    private readonly SmtpdService _service;
    private readonly bool _isAlone;

    /// <summary>Takes a service over.</summary>
    /// <param name="files">Postfix's files.</param>
    /// <param name="service">The service.</param>
    /// <param name="ports">Where it finds its new place.</param>
    /// <param name="general">What is written for all services; null when the service is the only one, whose values are the general ones.</param>
    public ShieldedService(PostfixFiles files, SmtpdService service, FreePorts ports, GeneralValues? general)
    {
        _service = service;
        _isAlone = general is null;
        Inner = new InnerService(files, service, ports.Take());
        Listen = service.Port > 0 ? ListenAddresses.For(service, Notes) : "";
        var taken = ParameterImport.Take(service.Values, service.Tls.Place == TlsPlace.Shield ? "" : service.Tls.Why, general);
        Parameters = general is null ? taken : [.. taken.Where(parameter => !general.Has(parameter))];
        Extra = [.. MakeExtra(general)];
        foreach (var parameter in Parameters.Where(IsShared))
            Notes.Add(ImportNote.Note($"{parameter.Setting.Location}: {parameter.Setting.Name} is not taken over: the shield has one for all services"));
        Parameters = [.. Parameters.Where(parameter => !IsShared(parameter))];
    }

    /// <summary>What is to be said of it.</summary>
    public List<ImportNote> Notes { get; } = [];

    /// <summary>Postfix's part.</summary>
    public InnerService Inner { get; }

    /// <summary>The service as it was.</summary>
    public SmtpdService Service => _service;

    /// <summary>Its end points, empty when they are not known.</summary>
    public string Listen { get; }

    /// <summary>What it has of its own: everything when it is alone.</summary>
    public IReadOnlyList<ImportedParameter> Parameters { get; }

    /// <summary>Values Postfix has by other names, or by default.</summary>
    public IReadOnlyList<(string Name, string Value, string Why)> Extra { get; }

    /// <summary>The name of a parameter of the service in the file.</summary>
    public string Write(string name) => _isAlone ? name : ServiceParameter.Write(_service.Name, name);

    private bool IsShared(ImportedParameter parameter) =>
        !_isAlone && ParameterCatalog.All.TryGetValue(parameter.Setting.Name, out var definition) && definition.IsShared;

    private IEnumerable<(string Name, string Value, string Why)> MakeExtra(GeneralValues? general)
    {
        if (general is not null && _service.ProcessLimit != general.ProcessLimit)
        {
            yield return _service.ProcessLimit > 0
                ? ("default_process_limit", _service.ProcessLimit.ToString(CultureInfo.InvariantCulture), "maxproc.")
                : ("default_process_limit", ParameterDefaults.Options["default_process_limit"],
                    "Postfix has no limit (maxproc 0); this is the shield's default.");
        }

        var level = _service.Values.Text(SecurityLevel);
        if (_service.Tls.Place == TlsPlace.None && level.Length == 0 && general is { HasCertificate: true })
            yield return (SecurityLevel, "none", "Postfix has TLS off; the shield's default is may.");
        else if (_service.Tls.Place != TlsPlace.None && level.Length == 0 && !_service.IsWrapped)
            yield return (SecurityLevel, _service.RequiresTls ? "encrypt" : "may", "In Postfix: smtpd_use_tls, smtpd_enforce_tls.");
        else if (_service.IsWrapped && level == "none")
            yield return (SecurityLevel, "may", "In Postfix smtpd_tls_wrappermode alone counts.");

        if (general is not null && general.HasCertificate && _service.Tls.Place == TlsPlace.Postfix)
        {
            foreach (var name in (string[])["smtpd_tls_chain_files", "smtpd_tls_cert_file"])
                yield return (name, "", $"STARTTLS is passed through to Postfix: {_service.Tls.Why}.");
        }

        if (_service.NeedsAuthOnly)
            yield return ("smtpd_tls_auth_only", "yes", "In Postfix smtpd_sasl_security_options = noplaintext has this effect.");

        if (_service.HasProxyInFront)
            yield return ("shield_proxy_sources", "static:all",
                "As in Postfix anybody who reaches the port may say who the client is: write the addresses of your load balancers.");
    }
}
