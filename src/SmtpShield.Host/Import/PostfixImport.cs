using SmtpShield.Configuration;
using SmtpShield.Configuration.Parameters;

namespace SmtpShield.Host.Import;

/// <summary>Writes the shield's configuration for a Postfix, section by section.</summary>
internal sealed class PostfixImport
{
    private static readonly string[] ClientLimits =
    [
        "smtpd_client_connection_count_limit", "smtpd_client_connection_rate_limit", "smtpd_client_message_rate_limit", "smtpd_client_recipient_rate_limit",
        "smtpd_client_auth_rate_limit", "smtpd_client_new_tls_session_rate_limit", "smtpd_client_event_limit_exceptions", "anvil_rate_time_unit",
    ];

    private static readonly (string Name, string Value, string Why)[] DifferentDefaults =
    [
        ("smtpd_client_ipv6_prefix_length", "128", "IPv6 clients in a network of this many bits share their limits; 84 here, as in Postfix from 3.8 on."),
        ("smtpd_forbid_unauth_pipelining", "no", "Who sends commands before it may is disconnected here, as in Postfix from 3.9 on."),
        ("smtpd_peername_lookup", "yes", "Names of clients are not looked up here: log lines say unknown, and host names in lists match nobody."),
    ];

    private readonly PostfixFiles _files;
    private readonly string _target;
    private readonly SmtpdServices _services;
    private readonly FreePorts _ports;
    private readonly InnerService _inner;
    private readonly ImportText _text = new();
    private readonly List<ImportNote> _notes = [];

    private PostfixImport(PostfixFiles files, string target, HostFacts host)
    {
        (_files, _target) = (files, target);
        _services = SmtpdServices.Find(files, host);
        _ports = new FreePorts(files);
        _inner = new InnerService(files, _services.Public, _ports.Take());
    }

    private SmtpdService Public => _services.Public;

    private bool IsBehindPostscreen => Public.Front is { IsPostscreen: true };

    /// <summary>Makes the configuration.</summary>
    /// <param name="files">Postfix's files, without errors.</param>
    /// <param name="target">Where the configuration is going to be.</param>
    /// <param name="host">What computed defaults are computed from.</param>
    public static ImportResult Make(PostfixFiles files, string target, HostFacts host) => new PostfixImport(files, target, host).Make();

    private ImportResult Make()
    {
        _notes.AddRange(_files.Problems.Select(problem => ImportNote.Warning(problem.ToString())));
        var parameters = ParameterImport.Take(Public.Values);
        WriteHead();
        WritePlace();
        WriteSessions();
        WriteParameters(parameters);
        WriteDefaults();
        NoteTrust();
        NotePostscreen();
        _notes.AddRange(StaysInPostfix.Explain(Public.Values, _files));
        var others = _services.Others.Select(service => new OtherService(_files, service, _ports, _target)).ToList();
        _notes.AddRange(others.SelectMany(other => other.Notes));
        WriteNotes();
        NoteValues(parameters);
        foreach (var other in others)
            other.Write(_text);
        WriteChanges();
        return new ImportResult(_text.ToString(), _notes);
    }

    private void WriteHead()
    {
        _text.Comment($"SmtpShield's configuration, made from {_files.Main.Path}");
        if (Public.Front is { } front)
            _text.Comment($"and the service {front.Service} {front.Type} {front.Command} of {_files.Master.Path}, line {front.Line}{(IsBehindPostscreen && Public.Entry is { } entry ? $", with the smtpd behind it of line {entry.Line}" : "")}");
        _text.Comment("");
        _text.Comment("Postfix has to be changed, too, or it is an open relay behind the shield: the commands are at the end of this file.");
        _text.Comment($"Check this file with: smtpshield check -c {_target}");
        if (Public.Front is null)
            _notes.Add(ImportNote.Warning($"{_files.Master.Path}: no smtpd service; only main.cf was taken over, for port 25"));
        else if (Public.IsWrapped)
            _notes.Add(ImportNote.Warning($"{_files.Master.Path}: the only smtpd service, {Public.Name}, speaks TLS from the first octet (smtpd_tls_wrappermode), which this version cannot stand before"));
        else if (Public.Port != 25)
            _notes.Add(ImportNote.Warning($"{_files.Master.Path}: no smtpd service on port 25; this configuration is for {Public.Name}"));
    }

    private void WritePlace()
    {
        _text.Heading("Where the shield stands");
        var listen = ListenAddresses.For(Public, _notes);
        if (Public.Port > 0)
            _text.Line($"shield_listen = {listen}");
        else
            _notes.Add(ImportNote.Warning($"service {Public.Name}: the number of its port is not known here; write it in shield_listen, which is left at port 25"));
        _text.Comment("Where Postfix's smtpd moves to: see the commands at the end.");
        _text.Line($"shield_upstream = {_inner.Address}");
    }

    private void WriteSessions()
    {
        _text.Heading("Sessions at the same time");
        var limit = Public.ProcessLimit;
        var source = Public.Entry is { ProcessLimit: not "-" } entry ? $"maxproc of {_files.Master.Path}, line {entry.Line}" : Public.Values.Find("default_process_limit") is { } setting ? $"default_process_limit, {setting.Location}" : "Postfix's default";
        if (limit == 0)
        {
            _text.Comment($"Postfix has no limit ({source}: 0). Each session holds an smtpd process of Postfix's from its greeting on; the shield's part is some kilobytes, and its default is this:");
            _text.Disabled("default_process_limit = 10000");
            return;
        }
        _text.Comment($"In Postfix this many processes ({source}). A session costs the shield some kilobytes, but it also holds an smtpd process of Postfix's from its greeting on: " +
            "more sessions than Postfix has processes would wait for a greeting that does not come. To serve more, raise this and the number in the postconf -M command at the end together.");
        _text.Line($"default_process_limit = {limit}");
    }

    private void WriteParameters(IReadOnlyList<ImportedParameter> parameters)
    {
        foreach (var group in parameters.GroupBy(parameter => parameter.Setting.IsOverride))
        {
            _text.Heading(group.Key ? $"From {_files.Master.Path}, line {Public.Entry!.Line}: the overrides of {Public.Entry.Service} {Public.Entry.Type}" : $"From {_files.Main.Path}");
            foreach (var parameter in group)
                Write(parameter);
        }
    }

    private void Write(ImportedParameter parameter)
    {
        if (parameter.Setting.IsOverride && _files.Main.Entries.TryGetValue(parameter.Setting.Name, out var general))
            _text.Comment(Printable.Text($"main.cf, line {general.Line} has: {general.Value}"));
        if (parameter.IsExpanded)
            _text.Comment(Printable.Text($"In Postfix: {parameter.Setting.Value}"));
        if (parameter.IsTaken)
        {
            _text.Line(parameter.Line);
            return;
        }
        _text.Comment(Printable.Text($"Not taken over: {parameter.Refusal}."));
        _text.Disabled(Printable.Text(parameter.Line));
    }

    private void WriteDefaults()
    {
        var same = ClientLimits.Where(name => Public.Values.Find(name) is null).ToList();
        if (same.Count > 0)
            _text.Heading("Not set in Postfix, and the same by default here");
        foreach (var name in same)
            _text.Disabled($"{name} = {ParameterDefaults.Options[name]}");
        var other = DifferentDefaults.Where(item => Public.Values.Find(item.Name) is null).ToList();
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
            _notes.Add(ImportNote.Note($"{parameter.Setting.Location}: {parameter.Setting.Name} refers to what the shield has not, and is written as it expands today{stress}"));
        }
    }

    private void NoteTrust()
    {
        _notes.Add(ImportNote.Warning("Postfix will see the shield's address, 127.0.0.1, as every client's. Where mynetworks contains it, permit_mynetworks relays for everybody: change Postfix as the end of the file says before the shield is started"));
        if (Public.Values.Find("mynetworks") is null && Public.Values.Find("mynetworks_style") is null && IsBelowLevel2(Public.Values.Text("compatibility_level")))
            _notes.Add(ImportNote.Warning("mynetworks is not set, and compatibility_level is below 2: Postfix trusts the networks this host is in, the shield only the host's own addresses. Clients there are limited now; write mynetworks if they should not be"));
    }

    private static bool IsBelowLevel2(string level) => level.Length == 0 || level.Split('.')[0] is "0" or "1";

    private void NotePostscreen()
    {
        if (!IsBehindPostscreen)
            return;
        _notes.Add(ImportNote.Warning("postscreen goes: between clients and the shield it would hide them, behind the shield it would test the shield. Its greet pause and block lists end with it"));
        if (Public.Values.Find("postscreen_client_connection_count_limit") is { } limit)
            _notes.Add(ImportNote.Warning($"{limit.Location}: postscreen_client_connection_count_limit = {limit.Value} was the limit clients met first; if it is the smaller one, write it as smtpd_client_connection_count_limit"));
    }

    private void WriteNotes()
    {
        _text.Heading("What to know");
        foreach (var note in _notes)
            _text.Comment($"- {note}", "  ");
        var untouched = StaysInPostfix.Untouched(Public.Values);
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
        _text.Comment($"1. An smtpd on {_inner.Address} takes the place of {Public.Name}, with its overrides and these:");
        Explain("syslog_name", "log tools can tell it from the shield, whose lines have the client's address");
        Explain("mynetworks, smtpd_relay_restrictions, local_header_rewrite_clients", "every client has the shield's address here, so nobody is trusted for it. Hosts that relay because they are in mynetworks, and programs of this host that send to port 25, need the submission service and a password, or an smtpd of their own that the shield does not stand before");
        Explain("smtpd_client_*_limit", "all clients are one here, the shield, and would be refused together; the shield counts them. smtpd_client_event_limit_exceptions is of no use with them off");
        Explain("smtpd_error_sleep_time", "the shield delays, so smtpd_soft_error_limit has no effect here");
        if (Public.OffersTls)
            Explain("smtpd_hard_error_limit, smtpd_junk_command_limit", "stay: inside STARTTLS they are the only ones. If you raise the shield's, raise them here");
        else
            Explain("smtpd_hard_error_limit, smtpd_junk_command_limit", "the shield counts and ends the session first");
        Explain("smtpd_timeout", "longer than the shield's, which ends idle sessions and logs whose they were");
        Explain("stress", "off: a busy Postfix would fall back to short timeouts for all that are not set");
        Explain("the number before smtpd", "maxproc: the sessions it can hold, default_process_limit above");
        _text.Blank();
        if (Public.Front is not null)
            _text.Command($"cp -p {_inner.MasterCf} {_inner.MasterCf}.before-smtpshield");
        foreach (var command in _inner.Commands)
            _text.Command(command);
        _text.Blank();
        _text.Comment("2. Switch over; clients that come in between try again.");
        _text.Blank();
        _text.Command($"smtpshield check -c {_target}");
        _text.Command(_inner.Reload);
        _text.Command("systemctl start smtpshield");
        _text.Blank();
        _text.Comment($"3. See that it is no open relay: from a host outside, RCPT TO:<x@elsewhere.example> must be refused. {_inner.Show} must show mynetworks empty.");
    }

    private void Explain(string names, string why) => _text.Comment($"   {names}: {why}", "     ");
}
