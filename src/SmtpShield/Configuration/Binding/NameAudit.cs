using SmtpShield.Configuration.Expansion;
using SmtpShield.Configuration.MainCf;
using SmtpShield.Configuration.Parameters;

namespace SmtpShield.Configuration.Binding;

/// <summary>Judges the names in a file: which are used, which are Postfix's, which are probably misspelt. The rules of use are those of postconf(1).</summary>
internal sealed class NameAudit
{
    private readonly IReadOnlyDictionary<string, MainCfEntry> _entries;
    private readonly string _path;
    private readonly HashSet<string> _referenced = new(StringComparer.Ordinal);
    private readonly List<ConfigurationProblem> _problems = [];

    /// <summary>Looks through a file.</summary>
    public NameAudit(MainCfFile file)
    {
        (_entries, _path) = (file.Entries, file.Path);
        foreach (var entry in file.Entries.Values.OrderBy(entry => entry.Line))
            Scan(entry);
    }

    /// <summary>References to names without a value, and values with a syntax error.</summary>
    public IReadOnlyList<ConfigurationProblem> ReferenceProblems => _problems;

    /// <summary>The entries nothing uses, ordered by name.</summary>
    public IEnumerable<MainCfEntry> Unused => _entries.Values.Where(entry => !IsUsed(entry.Name)).OrderBy(entry => entry.Name, StringComparer.Ordinal);

    /// <summary>Whether the shield knows the name, or it is set and another value refers to it.</summary>
    public bool IsUsed(string name) => ParameterCatalog.All.ContainsKey(name) || (_referenced.Contains(name) && _entries.ContainsKey(name));

    /// <summary>What to say about a name nothing uses.</summary>
    public static ConfigurationProblem Judge(string name, SourceLocation location)
    {
        if (IsPostfixOnly(name))
            return new ConfigurationProblem(ProblemSeverity.Note, location, name, $"{name} is a Postfix parameter not used by the shield");
        return ConfigurationProblem.Warning(location, name, $"unknown parameter: {name}", Suggest(name));
    }

    private static bool IsPostfixOnly(string name) => !name.StartsWith("shield_", StringComparison.Ordinal) && PostfixParameterNames.Contains(name);

    private static string Suggest(string name) => NearestName.Find(name, ParameterCatalog.All.Keys) is { } nearest ? $"did you mean {nearest}?" : "nothing refers to it; remove it";

    private void Scan(MainCfEntry entry)
    {
        var location = new SourceLocation(_path, entry.Line);
        var names = MacroScan.Names(entry.Value, out var error);
        if (error.Length > 0)
            _problems.Add(ConfigurationProblem.Error(location, entry.Name, $"{entry.Name}: {error}"));
        foreach (var name in names)
        {
            _referenced.Add(name);
            // Values of parameters the shield does not use may refer to more of Postfix's.
            if (!_entries.ContainsKey(name) && !ParameterCatalog.All.ContainsKey(name) && (ParameterCatalog.All.ContainsKey(entry.Name) || !IsPostfixOnly(entry.Name)))
                _problems.Add(ConfigurationProblem.Warning(location, entry.Name, $"{entry.Name}: undefined parameter: {name}", NearestName.Find(name, ParameterCatalog.All.Keys.Concat(_entries.Keys)) is { } nearest ? $"did you mean ${nearest}?" : ""));
        }
    }
}
