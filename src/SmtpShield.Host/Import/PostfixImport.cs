using SmtpShield.Options;
using SmtpShield.Options.Parameters;
using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.Parameters;

namespace SmtpShield.Host.Import;

/// <summary>Writes the shield's configuration for a Postfix, section by section.</summary>
internal sealed class PostfixImport
{
    private static readonly string[] ClientLimits =
    [
        "smtpd_client_connection_count_limit", "smtpd_client_connection_rate_limit", "smtpd_client_message_rate_limit", "smtpd_client_recipient_rate_limit",
        "smtpd_client_auth_rate_limit", "smtpd_client_new_tls_session_rate_limit", "smtpd_client_event_limit_exceptions", "anvil_rate_time_unit",
    ];

    private const string IPv6PrefixLength = "smtpd_client_ipv6_prefix_length";
    private const int CustomersNetwork = 64;

    private static readonly (string Name, string Value, string Why)[] DifferentDefaults =
    [
        (IPv6PrefixLength, "128", "IPv6 clients in a network of this many bits share their limits; 64 here. Postfix up to 3.7 counts by address, "
            + "from 3.8 on by 84 bits: one network of 64 bits, which most customers have, is 2^20 clients then."),
        ("smtpd_forbid_unauth_pipelining", "no", "Who sends commands before it may is disconnected here, as in Postfix from 3.9 on."),
        ("smtpd_peername_lookup", "yes", "Names of clients are not looked up here: log lines say unknown, and host names in lists match nobody."),
    ];

    private readonly PostfixFiles _files;
    private readonly string _target;
    private readonly HostFacts _host;
    private readonly SmtpdServices _services;
    private readonly ServiceValues _values;
    private readonly GeneralValues? _general;
    private readonly List<ShieldedService> _shielded;
    private readonly IReadOnlyList<PostfixSetting> _settings;
    private readonly ImportText _text = new();
    private readonly List<ImportNote> _notes = [];

    private PostfixImport(PostfixFiles files, string target, HostFacts host, Predicate<int>? isPortTaken)
    {
        (_files, _target, _host) = (files, target, host);
        _services = SmtpdServices.Find(files, host);
        var isAlone = _services.Shielded.Count == 1;
        _values = isAlone ? First.Values : new ServiceValues(files, null, host);
        if (!isAlone)
        {
            var why = _services.Shielded.Any(service => service.Tls.Place == TlsPlace.Shield) ? "" : First.Tls.Why;
            _general = new GeneralValues(ParameterImport.Take(_values, why), _values.ProcessLimit);
        }
        var ports = new FreePorts(files, isPortTaken);
        _shielded = [.. _services.Shielded.Select(service => new ShieldedService(files, service, ports, _general))];
        _settings = [.. _services.Shielded.Select(service => service.Values).Prepend(_values).SelectMany(values => values.Settings)
            .DistinctBy(setting => setting.Name)];
    }

    // Where there is one service only, its values are those of all.
    private SmtpdService First => _services.Shielded[0];

    private bool IsAlone => _general is null;

    private IReadOnlyList<ImportedParameter> Parameters => _general?.Parameters ?? _shielded[0].Parameters;

    private bool IsBehindPostscreen => _services.Shielded.Any(service => service.Front is { IsPostscreen: true });

    /// <summary>Makes the configuration.</summary>
    /// <param name="files">Postfix's files, without errors.</param>
    /// <param name="target">Where the configuration is going to be.</param>
    /// <param name="host">What computed defaults are computed from.</param>
    /// <param name="isPortTaken">Whether something listens on a port of this host; without it only Postfix's files are looked at.</param>
    public static ImportResult Make(PostfixFiles files, string target, HostFacts host, Predicate<int>? isPortTaken = null) =>
        new PostfixImport(files, target, host, isPortTaken).Make();

    private ImportResult Make()
    {
        _notes.AddRange(_files.Problems.Select(problem => ImportNote.Warning(problem.ToString())));
        WriteHead();
        WritePlace();
        WriteSessions();
        WriteParameters(Parameters, name => name);
        WriteDefaults();
        if (IsAlone)
            WriteExtra(_shielded[0]);
        else
            _shielded.ForEach(WriteService);
        _notes.AddRange(_shielded.SelectMany(service => service.Notes).DistinctBy(note => note.Text));
        NoteHandoff();
        NoteTls();
        NotePostscreen();
        _notes.AddRange(StaysInPostfix.Explain(_settings, _values.Text("smtpd_restriction_classes"), _files));
        var others = _services.Others.Select(service => new UnshieldedService(_files, service)).ToList();
        _notes.AddRange(others.Select(other => other.Note));
        WriteNotes();
        NoteValues(Parameters.Concat(IsAlone ? [] : _shielded.SelectMany(service => service.Parameters)).ToList());
        NoteIPv6PrefixLength();
        foreach (var other in others)
            other.Write(_text);
        WriteChanges();
        return new ImportResult(_text.ToString(), _notes, _shielded);
    }

    private void WriteHead()
    {
        _text.Comment($"SmtpShield's configuration, made from {_files.Main.Path}");
        if (First.Front is not null)
            _text.Comment($"and the service{(IsAlone ? "" : "s")} {string.Join(", ", _services.Shielded.Select(Describe))} of {_files.Master.Path}");
        _text.Comment("");
        _text.Comment("Postfix has to be changed, too: the commands are at the end of this file.");
        _text.Comment($"Check this file with: smtpshield check -c {_target}");
        if (First.Front is null)
            _notes.Add(ImportNote.Warning($"{_files.Master.Path}: no smtpd service; only main.cf was taken over, for port 25"));
        else if (First.IsWrapped && First.Tls.Place != TlsPlace.Shield)
            _notes.Add(ImportNote.Warning($"{_files.Master.Path}: the only smtpd service, {First.Name}, "
                + $"speaks TLS from the first octet (smtpd_tls_wrappermode), which the shield cannot end: {First.Tls.Why}"));
        else if (_services.Shielded.All(service => service.Port != 25))
            _notes.Add(ImportNote.Warning($"{_files.Master.Path}: no smtpd service on port 25; "
                + $"this configuration is for {string.Join(", ", _services.Shielded.Select(service => service.Name))}"));
    }

    private static string Describe(SmtpdService service) =>
        $"{service.Name} (line {service.Front!.Line}"
        + (service.Front.IsPostscreen && service.Entry is { } entry ? $", a postscreen, with the smtpd behind it of line {entry.Line})" : ")");

    private void WritePlace()
    {
        _text.Heading("Where the shield stands");
        if (!IsAlone || First.Name != ServiceOptions.DefaultName)
            _text.Line($"shield_services = {string.Join(' ', _services.Shielded.Select(service => service.Name))}");
        if (IsAlone)
            WriteEndpoints(_shielded[0]);
        _text.Comment("Postfix learns the client's address from a PROXY header. Its releases before 3.5 read only proxy-v1.");
        _text.Line("shield_client_handoff = proxy-v2");
    }

    private void WriteEndpoints(ShieldedService service)
    {
        if (service.Listen.Length > 0)
            _text.Line(ImportText.Assignment(service.Write("shield_listen"), service.Listen));
        else
            _notes.Add(ImportNote.Warning($"service {service.Service.Name}: the number of its port is not known here; write it in shield_listen, "
                + "which is left at port 25"));
        _text.Comment("Where Postfix's smtpd moves to: see the commands at the end.");
        _text.Line(ImportText.Assignment(service.Write("shield_upstream"), service.Inner.Address));
    }

    private void WriteSessions()
    {
        _text.Heading("Sessions at the same time");
        var limit = _general?.ProcessLimit ?? First.ProcessLimit;
        var source = IsAlone && First.Entry is { ProcessLimit: not "-" } entry
            ? $"maxproc of {_files.Master.Path}, line {entry.Line}"
            : _values.Find("default_process_limit") is { } setting ? $"default_process_limit, {setting.Location}" : "Postfix's default";
        if (limit == 0)
        {
            _text.Comment($"Postfix has no limit ({source}: 0). Each session holds an smtpd process of Postfix's from its greeting on; "
                + "the shield's part is some kilobytes, and its default is this:");
            _text.Disabled($"default_process_limit = {ParameterCatalog.All["default_process_limit"].DefaultText}");
            return;
        }
        _text.Comment($"In Postfix this many processes{(IsAlone ? "" : " of each service")} ({source}). A session costs the shield some kilobytes, " +
            "but it also holds an smtpd process of Postfix's from its greeting on: " +
            "more sessions than Postfix has processes would wait for a greeting that does not come. To serve more, " +
            "raise this and the number in the postconf -M command at the end together.");
        _text.Line($"default_process_limit = {limit}");
    }

    private void WriteParameters(IReadOnlyList<ImportedParameter> parameters, Func<string, string> name)
    {
        foreach (var group in parameters.GroupBy(parameter => parameter.Setting.IsOverride))
        {
            _text.Heading(group.Key
                ? $"From {_files.Master.Path}, line {First.Entry!.Line}: the overrides of {First.Entry.Service} {First.Entry.Type}"
                : $"From {_files.Main.Path}");
            foreach (var parameter in group)
                Write(parameter, name);
        }
    }

    private void WriteService(ShieldedService service)
    {
        _text.Heading($"The service {service.Service.Name} ({_files.Master.Path}, line {(service.Service.Entry ?? service.Service.Front)!.Line})");
        WriteEndpoints(service);
        foreach (var parameter in service.Parameters)
            Write(parameter, service.Write);
        WriteExtra(service);
    }

    private void WriteExtra(ShieldedService service)
    {
        if (IsAlone && service.Extra.Count > 0)
            _text.Heading("What Postfix says otherwise");
        foreach (var (name, value, why) in service.Extra)
        {
            _text.Comment(why);
            _text.Line(ImportText.Assignment(service.Write(name), value));
        }
    }

    private void Write(ImportedParameter parameter, Func<string, string> name)
    {
        if (parameter.Setting.IsOverride && _files.Main.Entries.TryGetValue(parameter.Setting.Name, out var general))
            _text.Comment(Printable.Text($"main.cf, line {general.Line} has: {general.Value}"));
        if (parameter.IsExpanded)
            _text.Comment(Printable.Text($"In Postfix: {parameter.Setting.Value}"));
        if (parameter.IsTaken)
        {
            _text.Line(parameter.Line(name(parameter.Setting.Name)));
            return;
        }
        _text.Comment(Printable.Text($"Not taken over: {parameter.Refusal}."));
        _text.Disabled(Printable.Text(parameter.Line(name(parameter.Setting.Name))));
    }

    private void WriteDefaults()
    {
        var same = ClientLimits.Where(name => _values.Find(name) is null).ToList();
        if (same.Count > 0)
            _text.Heading("Not set in Postfix, and the same by default here");
        foreach (var name in same)
            _text.Disabled($"{name} = {ParameterDefaults.Options[name]}");
        var other = DifferentDefaults.Where(item => _values.Find(item.Name) is null).ToList();
        if (other.Count > 0)
            _text.Heading("Not set in Postfix, and different here: a line without its # gives Postfix 3.7's behaviour");
        foreach (var (name, value, why) in other)
        {
            _text.Comment(why);
            _text.Disabled($"{name} = {value}");
        }
    }

    // The file says it where the values are.
    private void NoteValues(IReadOnlyList<ImportedParameter> parameters)
    {
        foreach (var parameter in parameters.Where(parameter => !parameter.IsTaken))
            _notes.Add(ImportNote.Warning($"{parameter.Setting.Location}: {parameter.Setting.Name} is not taken over: {parameter.Refusal}"));
        foreach (var parameter in parameters.Where(parameter => parameter.IsExpanded))
        {
            var stress = parameter.Setting.Value.Contains("stress", StringComparison.Ordinal) ? "; it no longer changes under stress" : "";
            _notes.Add(ImportNote.Note($"{parameter.Setting.Location}: {parameter.Setting.Name} refers to what the shield has not, "
                + $"and is written as it expands today{stress}"));
        }
    }

    private void NoteIPv6PrefixLength()
    {
        foreach (var setting in _services.Shielded.Select(service => service.Values.Find(IPv6PrefixLength)).Append(_values.Find(IPv6PrefixLength))
            .OfType<PostfixSetting>().Distinct())
        {
            if (int.TryParse(setting.Value, out var length) && length > CustomersNetwork && length <= 128)
                _notes.Add(ImportNote.Note($"{setting.Location}: {IPv6PrefixLength} = {length} is taken over: one network of {CustomersNetwork} bits, "
                    + $"which most customers have, is 2^{length - CustomersNetwork} clients with limits of their own. {CustomersNetwork}, "
                    + "the shield's default, makes it one"));
        }
    }

    private void NoteHandoff()
    {
        _notes.Add(ImportNote.Note("Postfix learns each client's address from the shield, so mynetworks, restrictions, policy services, " +
            "milters and its log go by the client as before. Where Postfix's smtpd moves to, it answers nobody who sends " +
            "no PROXY header; a program of this host that sends one can claim any address there"));
        foreach (var service in _services.Shielded.Where(service => service.HasProxyInFront))
            _notes.Add(ImportNote.Warning($"{service.Name}: the load balancer's PROXY header is read by the shield now. shield_proxy_sources admits everybody, "
                + "as Postfix does: write the balancer's addresses"));
        if (_values.Find("mynetworks") is null && _values.Find("mynetworks_style") is null && IsBelowLevel2(_values.Text("compatibility_level")))
            _notes.Add(ImportNote.Warning("mynetworks is not set, and compatibility_level is below 2: Postfix trusts the networks this host is in, "
                + "the shield only the host's own addresses. Clients there are limited now; write mynetworks if they should not be"));
    }

    private void NoteTls()
    {
        var ended = _services.Shielded.Where(service => service.Tls.Place == TlsPlace.Shield).ToList();
        if (ended.Count > 0)
            _notes.Add(ImportNote.Note($"{Names(ended)}: the shield ends TLS, with Postfix's certificate, and counts what clients do inside. "
                + "Postfix sees clear text: Received: headers, milters and policy services no longer tell of TLS"));
        foreach (var group in ended.Where(service => service.OldTls.Length > 0).GroupBy(service => service.OldTls))
            _notes.Add(ImportNote.Note($"{Names(group)}: Postfix also speaks TLS 1.0 and 1.1, as far as its OpenSSL still does ({group.Key}); the shield "
                + "speaks 1.2 and 1.3 only. Clients that have nothing newer send in clear where TLS is optional, and not at all where it is a must"));
        foreach (var file in ended.SelectMany(service => service.Tls.ProtectedFiles).Distinct())
            _notes.Add(ImportNote.Warning($"{file}: the user the shield runs as (smtpshield) must be able to read it and to enter its directories"));
        foreach (var group in _services.Shielded.Where(service => service.Tls.Place == TlsPlace.Postfix && service.Port > 0)
            .GroupBy(service => service.Tls.Why))
        {
            _notes.Add(ImportNote.Note($"{Names(group)}: STARTTLS is passed through to Postfix, and the shield sees nothing inside it: {group.Key}. "
                + "There only its connection limits apply, and Postfix's own limits"));
        }
        foreach (var service in _services.Shielded.Where(service => service.NeedsAuthOnly))
            _notes.Add(ImportNote.Warning($"{service.Name}: smtpd_sasl_security_options has noplaintext, which Postfix would apply to all sessions now that it "
                + "sees no TLS. It gets the options of TLS instead, and the shield offers AUTH over TLS only"));
    }

    private static string Names(IEnumerable<SmtpdService> services) => string.Join(", ", services.Select(service => service.Name));

    private static bool IsBelowLevel2(string level) => level.Length == 0 || level.Split('.')[0] is "0" or "1";

    private void NotePostscreen()
    {
        if (!IsBehindPostscreen)
            return;
        _notes.Add(ImportNote.Warning("postscreen goes: between clients and the shield it would hide them, behind the shield it would test the shield. "
            + "Its greet pause and block lists end with it"));
        foreach (var limit in _services.Shielded.Where(service => service.Front is { IsPostscreen: true }).Select(CountLimit)
            .OfType<PostfixSetting>().Distinct())
        {
            _notes.Add(ImportNote.Warning($"{limit.Location}: postscreen_client_connection_count_limit = {limit.Value} was the limit clients met first; "
                + "if it is the smaller one, write it as smtpd_client_connection_count_limit"));
        }
    }

    private PostfixSetting? CountLimit(SmtpdService service) =>
        new ServiceValues(_files, service.Front, _host).Find("postscreen_client_connection_count_limit");

    private void WriteNotes()
    {
        _text.Heading("What to know");
        foreach (var note in _notes)
            _text.Comment($"- {note}", "  ");
        var untouched = StaysInPostfix.Untouched(_settings);
        if (untouched.Count == 0)
            return;
        _notes.Add(ImportNote.Note($"stay in Postfix as they are: {untouched.Count} other parameters, listed in the file"));
        _text.Comment($"- stay in Postfix as they are: {string.Join(", ", untouched)}", "  ");
    }

    private void WriteChanges()
    {
        _text.Heading("What to change in Postfix");
        _text.Comment($"The commands are marked with $. This prints them without the mark: sed -n 's/^#\\$ //p' {_target}");
        _text.Blank();
        _text.Comment($"1. {(IsAlone ? "An smtpd" : "Smtpds")} on {string.Join(", ", _shielded.Select(service => service.Inner.Address))} "
            + $"{(IsAlone ? "takes" : "take")} the place of {Names(_services.Shielded)}, with {(IsAlone ? "its" : "their")} overrides and these:");
        Explain("syslog_name", "log tools can tell it from the shield, whose lines say the same of the client");
        Explain("smtpd_upstream_proxy_protocol", "the shield says who the client is, shield_client_handoff above. Change both together");
        if (_services.Shielded.Any(service => service.Tls.Place == TlsPlace.Shield))
            Explain("smtpd_tls_security_level, smtpd_tls_wrappermode, smtpd_tls_auth_only", "the shield ends TLS and requires it where Postfix did");
        Explain("smtpd_client_*_limit", "the shield counts, so that a client isn't refused by the one for what the other let pass");
        Explain("smtpd_error_sleep_time", "the shield delays, so smtpd_soft_error_limit has no effect here");
        if (_services.Shielded.Any(service => service.Tls.Place != TlsPlace.Postfix))
            Explain("smtpd_hard_error_limit, smtpd_junk_command_limit", "the shield counts and ends the session first");
        if (_services.Shielded.Any(service => service.Tls.Place == TlsPlace.Postfix))
            Explain("no other limits where STARTTLS is passed through", "inside it Postfix's are the only ones. If you raise the shield's, raise them here");
        Explain("smtpd_timeout", "longer than the shield's, which ends idle sessions and logs whose they were");
        Explain("stress", "off: a busy Postfix would fall back to short timeouts for all that are not set");
        Explain("the number before smtpd", "maxproc: the sessions it can hold, default_process_limit above");
        _text.Blank();
        var inner = _shielded[0].Inner;
        if (First.Front is not null)
            _text.Command($"cp -p {inner.MasterCf} {inner.MasterCf}.before-smtpshield");
        foreach (var command in _shielded.SelectMany(service => service.Inner.Commands))
            _text.Command(command);
        _text.Blank();
        _text.Comment("2. Switch over; clients that come in between try again.");
        _text.Blank();
        _text.Command($"smtpshield check -c {_target}");
        _text.Command(inner.Reload);
        _text.Command("systemctl enable --now smtpshield");
        _text.Blank();
        _text.Comment("3. See that Postfix knows its clients: send a message from a host outside. Its log must have that host's address, not 127.0.0.1, "
            + $"and RCPT TO:<x@elsewhere.example> must be refused. {inner.Show} shows what it has of its own.");
    }

    private void Explain(string names, string why) => _text.Comment($"   {names}: {why}", "     ");
}
