using System.Security.Cryptography;
using System.Text;
using SmtpShield.PostfixConf.Files;

namespace SmtpShield.PostfixConf.MainCf;

/// <summary>A main.cf file as it was read: the entries that count, and everything that is wrong with its syntax. It knows no parameter.</summary>
/// <param name="Path">The path, as given by the administrator.</param>
/// <param name="Entries">The last entry of each name.</param>
/// <param name="Problems">Errors and warnings, in the order of the lines.</param>
internal sealed record MainCfFile(string Path, IReadOnlyDictionary<string, MainCfEntry> Entries, IReadOnlyList<ConfigurationProblem> Problems)
{
    // Far above any file in use: what is no configuration at all ends early, and with words.
    private const int MaxEntries = 10_000;
    private const int MaxProblems = 1000;

    /// <summary>The SHA-256 of the text, in hexadecimal; empty for a file that could not be read.</summary>
    public string Digest { get; private init; } = "";

    /// <summary>Reads a file. A file that cannot be read is a file with one error.</summary>
    public static MainCfFile Read(string path) =>
        ConfigurationText.TryRead(path, out var text, out var error)
            ? Parse(text, path) with { Digest = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text))) }
            : new MainCfFile(path, new Dictionary<string, MainCfEntry>(), [ConfigurationProblem.Error(new SourceLocation(path), "", error)]);

    /// <summary>Parses the text of a file.</summary>
    public static MainCfFile Parse(string text, string path)
    {
        var entries = new Dictionary<string, MainCfEntry>(StringComparer.Ordinal);
        var problems = new List<ConfigurationProblem>();
        foreach (var line in LogicalLineReader.Read(text, path, problems))
        {
            var location = new SourceLocation(path, line.First);
            if (entries.Count >= MaxEntries || problems.Count >= MaxProblems)
            {
                problems.Add(ConfigurationProblem.Error(location, "", $"more than {MaxEntries} parameters or {MaxProblems} mistakes: the rest is not read",
                    "is it a configuration file?"));
                break;
            }
            if (!NameValue.TrySplit(line.Text, out var assignment, out var error))
            {
                problems.Add(ConfigurationProblem.Error(location, "", $"{error}: \"{Printable.Text(line.Text.TrimEnd())}\"", "write name = value"));
                continue;
            }
            if (entries.TryGetValue(assignment.Name, out var earlier) && earlier.Value != assignment.Value)
                problems.Add(ConfigurationProblem.Warning(location, assignment.Name, $"overriding earlier entry: {assignment.Name}={earlier.Value}",
                    $"line {earlier.Line} has no effect; keep one of the two"));
            entries[assignment.Name] = new MainCfEntry(assignment.Name, assignment.Value, line.First);
        }
        problems.Sort(static (a, b) => a.Location.Line.CompareTo(b.Location.Line));
        return new MainCfFile(path, entries, problems);
    }
}
