using SmtpShield.Configuration;

namespace SmtpShield.Host.Import;

/// <summary>The commented block for a service that is not part of the configuration.</summary>
internal sealed class OtherService
{
    private readonly SmtpdService _service;
    private readonly InnerService _inner;
    private readonly string _path;
    private readonly string _where;
    private readonly string _listen;
    private readonly IReadOnlyList<ImportedParameter> _parameters;
    private readonly List<ImportNote> _notes = [];

    /// <summary>Judges a service.</summary>
    public OtherService(PostfixFiles files, SmtpdService service, FreePorts ports, string target)
    {
        _service = service;
        _where = $"{files.Master.Path}, line {service.Front!.Line}";
        _inner = new InnerService(files, service, service.IsLoopback || service.IsWrapped ? 0 : ports.Take());
        _path = Path.Combine(Path.GetDirectoryName(target) is { Length: > 0 } directory ? directory : ".", $"{FileName(service.Name)}.cf");
        _notes.Add(Judge());
        _listen = CanBeShielded ? ListenAddresses.For(service, _notes) : "";
        _parameters = ParameterImport.Take(service.Values);
        if (CanBeShielded)
            _notes.AddRange(_parameters.Where(parameter => !parameter.IsTaken && parameter.Setting.IsOverride).Select(parameter => ImportNote.Warning($"{_where}: {parameter.Setting.Name} is not taken over: {parameter.Refusal}")));
    }

    /// <summary>What is to be said of it.</summary>
    public IReadOnlyList<ImportNote> Notes => _notes;

    private bool CanBeShielded => !_service.IsLoopback && !_service.IsWrapped && _service.Port > 0;

    /// <summary>Writes its limits, and the commands for a shield of its own.</summary>
    public void Write(ImportText text)
    {
        text.Heading($"{_service.Name} ({_where})");
        foreach (var note in _notes)
            text.Comment($"{note.Text}.");
        if (CanBeShielded)
            WriteShield(text);
        else
            WriteOverrides(text);
    }

    private void WriteOverrides(ImportText text)
    {
        var own = _parameters.Where(parameter => parameter.Setting.IsOverride && parameter.Setting.Name.StartsWith("smtpd_", StringComparison.Ordinal)).ToList();
        text.Comment(own.Count == 0 ? "It has main.cf's limits." : "It has main.cf's limits, but for:");
        foreach (var parameter in own)
            text.Line(Printable.Text($"#   {parameter.Setting.Name} = {parameter.Setting.Value}"));
    }

    private void WriteShield(ImportText text)
    {
        text.Comment($"To put a shield of its own before it, write these lines, without the # before them, to {_path}:");
        text.Line("#");
        text.Line($"#   shield_listen = {_listen}");
        text.Line($"#   shield_upstream = {_inner.Address}");
        if (_service.ProcessLimit > 0)
            text.Line($"#   default_process_limit = {_service.ProcessLimit}");
        foreach (var parameter in _parameters)
            text.Line(parameter.IsTaken ? $"#   {parameter.Line}" : Printable.Text($"#   #{parameter.Line}"));
        text.Line("#");
        text.Comment("and give these commands; the first changes Postfix, as explained at the end of this file:");
        text.Line("#");
        foreach (var command in _inner.Commands.Concat([$"smtpshield check -c {_path}", _inner.Reload, $"smtpshield run -c {_path}"]))
            text.Line($"#   {command}");
    }

    private ImportNote Judge()
    {
        if (_service.IsWrapped)
            return ImportNote.Warning($"{_service.Name} ({_where}): TLS from the first octet (smtpd_tls_wrappermode), which this version cannot stand before; leave it as it is, Postfix's own limits go on working there");
        if (_service.IsLoopback)
            return ImportNote.Note($"{_service.Name} ({_where}): only programs of this host reach it; leave it as it is");
        return _service.Port > 0
            ? ImportNote.Note($"{_service.Name} ({_where}): not in this configuration, because several services in one process are not supported by this version; one shield for each service, with its own file, is")
            : ImportNote.Warning($"{_service.Name} ({_where}): the number of its port is not known here; left out");
    }

    private static string FileName(string service) => string.Concat(service.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '-')).Trim('-');
}
