using System.Text.RegularExpressions;
using SmtpShield.Options.Parameters;
using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.Expansion;
using SmtpShield.PostfixConf.Lists;
using SmtpShield.PostfixConf.MainCf;
using SmtpShield.PostfixConf.Parameters;

namespace SmtpShield.Options.Binding;

/// <summary>Judges the names in a file: which are used, which are Postfix's, which are probably misspelt. The rules of use are those of postconf(1).</summary>
internal sealed partial class NameAudit
{
    private const string Everyone = "*";
    private const string RestrictionClasses = "smtpd_restriction_classes";

    private readonly IReadOnlyDictionary<string, MainCfEntry> _entries;
    private readonly string _path;
    private readonly HashSet<string> _defined;
    private readonly HashSet<(string Service, string Name)> _referenced = [];
    private readonly HashSet<string> _classes = new(StringComparer.Ordinal);
    private readonly HashSet<string> _tables = new(StringComparer.Ordinal);
    private readonly List<(MainCfEntry Entry, string Name)> _undefined = [];
    private readonly List<(MainCfEntry Entry, string Error)> _unreadable = [];

    /// <summary>Looks through a file.</summary>
    public NameAudit(MainCfFile file)
    {
        (_entries, _path) = (file.Entries, file.Path);
        // A service's own value is one: whether it is there for all who refer to it is for their expansion to see.
        _defined = [.. file.Entries.Keys.Select(Plain)];
        foreach (var entry in file.Entries.Values.OrderBy(entry => entry.Line))
            Scan(entry);
    }

    /// <summary>References to names that have no value anywhere.</summary>
    public IReadOnlyList<(MainCfEntry Entry, string Name)> Undefined => _undefined;

    /// <summary>Values with a syntax error in a reference.</summary>
    public IReadOnlyList<(MainCfEntry Entry, string Error)> Unreadable => _unreadable;

    /// <summary>What to say about <see cref="Undefined"/> and <see cref="Unreadable"/>.</summary>
    public IEnumerable<ConfigurationProblem> ReferenceProblems =>
    [
        .. _unreadable.Select(found => ConfigurationProblem.Error(Locate(found.Entry), found.Entry.Name, $"{found.Entry.Name}: {found.Error}")),
        .. _undefined.Select(found => ConfigurationProblem.Warning(
            Locate(found.Entry), found.Entry.Name, $"{found.Entry.Name}: undefined parameter: {found.Name}", SuggestReference(found.Name))),
    ];

    /// <summary>The entries nothing uses, ordered by name.</summary>
    public IEnumerable<MainCfEntry> Unused => _entries.Values.Where(entry => !IsUsed(entry.Name)).OrderBy(entry => entry.Name, StringComparer.Ordinal);

    /// <summary>Whether the shield knows the name, or it is set and another value refers to it.</summary>
    public bool IsUsed(string name) => IsKnown(name) || (_entries.ContainsKey(name) && (IsReferenced(name) || IsNamed(Plain(name))));

    /// <summary>What to say about a name nothing uses.</summary>
    public static ConfigurationProblem Judge(string name, SourceLocation location)
    {
        if (IsPostfixOnly(Plain(name)))
            return new ConfigurationProblem(ProblemSeverity.Note, location, name, $"{name} is a Postfix parameter not used by the shield");
        return ConfigurationProblem.Warning(location, name, $"unknown parameter: {name}", Suggest(name));
    }

    private static bool IsKnown(string name) => ParameterCatalog.All.ContainsKey(Plain(name));

    // The parameter, without the service it is written for.
    private static string Plain(string name) => ServiceParameter.TryParse(name, out var parameter) ? parameter.Name : name;

    private static string ServiceOf(string name) => ServiceParameter.TryParse(name, out var parameter) ? parameter.Service : "";

    // What a service has of its own is seen by its own values and by the general ones, which it has, too.
    private bool IsReferenced(string name) => ServiceParameter.TryParse(name, out var own)
        ? _referenced.Contains((own.Service, own.Name)) || _referenced.Contains(("", own.Name))
        : _referenced.Contains((Everyone, name));

    // Names of the administrator's own choice that Postfix looks up without a "$" before them (postconf_user.c, postconf_dbms.c).
    private bool IsNamed(string name) => _classes.Contains(name) || _tables.Any(table => name.StartsWith(table + "_", StringComparison.Ordinal));

    private static bool IsPostfixOnly(string name) => !name.StartsWith("shield_", StringComparison.Ordinal) && PostfixParameterNames.Contains(name);

    private static string Suggest(string name) => NearestName.Find(Plain(name), ParameterCatalog.All.Keys) is { } nearest
        ? $"did you mean {name[..^Plain(name).Length]}{nearest}?"
        : "nothing refers to it; remove it";

    private string SuggestReference(string name) =>
        NearestName.Find(name, ParameterCatalog.All.Keys.Concat(_entries.Keys)) is { } nearest ? $"did you mean ${nearest}?" : "it expands to nothing";

    private SourceLocation Locate(MainCfEntry entry) => new(_path, entry.Line);

    private void Scan(MainCfEntry entry)
    {
        var names = MacroScan.Names(entry.Value, out var error);
        if (error.Length > 0)
            _unreadable.Add((entry, error));
        // Values of parameters the shield does not use may refer to more of Postfix's.
        var isJudged = IsKnown(entry.Name) || !IsPostfixOnly(Plain(entry.Name));
        if (Plain(entry.Name) == RestrictionClasses)
            _classes.UnionWith(ListTokenizer.Split(MacroExpander.Expand(entry.Value, name => _entries.GetValueOrDefault(name)?.Value).Text));
        _tables.UnionWith(NamedTable().Matches(entry.Value).Select(match => match.Groups["name"].Value));
        foreach (var name in names)
        {
            _referenced.Add((ServiceOf(entry.Name), name));
            _referenced.Add((Everyone, name));
            if (isJudged && !_defined.Contains(name) && !ParameterCatalog.All.ContainsKey(name))
                _undefined.Add((entry, name));
        }
    }

    // Before Postfix 2.1 a data base had its parameters in main.cf, below its name: ldap:users, users_server_host. A file has a path.
    [GeneratedRegex(@"(?<![A-Za-z0-9_])(ldap|memcache|mongodb|mysql|pgsql|sqlite):(?<name>[A-Za-z0-9_]+)(?=[\s,{}]|$)", RegexOptions.ExplicitCapture)]
    private static partial Regex NamedTable();
}
