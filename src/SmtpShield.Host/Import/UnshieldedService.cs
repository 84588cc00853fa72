using SmtpShield.PostfixConf;

namespace SmtpShield.Host.Import;

/// <summary>A service of Postfix's that stays where it is, and why.</summary>
internal sealed class UnshieldedService
{
    private readonly SmtpdService _service;
    private readonly string _where;
    private readonly ImportNote _note;

    /// <summary>Judges a service.</summary>
    public UnshieldedService(PostfixFiles files, SmtpdService service)
    {
        _service = service;
        _where = $"{files.Master.Path}, line {service.Front!.Line}";
        _note = Judge();
    }

    /// <summary>What is to be said of it.</summary>
    public ImportNote Note => _note;

    /// <summary>Writes the note and its limits.</summary>
    public void Write(ImportText text)
    {
        text.Heading($"{_service.Name} ({_where})");
        text.Comment($"{_note.Text}.");
        var own = _service.Values.Settings.Where(setting => setting.IsOverride && ParameterImport.Takes(setting.Name)
            && setting.Name.StartsWith("smtpd_", StringComparison.Ordinal)).ToList();
        text.Comment(own.Count == 0 ? "It has main.cf's limits." : "It has main.cf's limits, but for:");
        foreach (var setting in own)
            text.Line(Printable.Text($"#   {setting.Name} = {setting.Value}"));
    }

    private ImportNote Judge()
    {
        if (_service.IsLoopback)
            return ImportNote.Note($"{_service.Name} ({_where}): only programs of this host reach it; leave it as it is");
        return _service.Port > 0
            ? ImportNote.Warning($"{_service.Name} ({_where}): TLS from the first octet (smtpd_tls_wrappermode), which the shield cannot end: "
                + $"{_service.Tls.Why}. Leave it as it is, Postfix's own limits go on working there")
            : ImportNote.Warning($"{_service.Name} ({_where}): the number of its port is not known here; left out");
    }
}
