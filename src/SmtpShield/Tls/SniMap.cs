using System.Buffers;
using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.Files;
using SmtpShield.PostfixConf.Lists;
using SmtpShield.PostfixConf.MainCf;
using SmtpShield.PostfixConf.Values;

namespace SmtpShield.Tls;

/// <summary>
/// Reads <c>tls_server_sni_maps</c>: which chain files belong to which name. Of tables that <c>postmap -F</c> makes, the text they are made from is read.
/// </summary>
internal static class SniMap
{
    private const string Parameter = "tls_server_sni_maps";
    private const string Inline = "inline:";

    private static readonly SearchValues<char> Blanks = SearchValues.Create(Ascii.Space);
    private static readonly HashSet<string> TextTypes = ["hash", "btree", "cdb", "dbm", "sdbm", "lmdb", "texthash"];

    /// <summary>Reads all tables; what the first one says of a name counts.</summary>
    /// <param name="maps">The parameter's words.</param>
    /// <param name="files">Receives the tables' files.</param>
    /// <param name="problems">Receives what is wrong.</param>
    /// <returns>Names in lower case, each with its files.</returns>
    public static List<(string Name, IReadOnlyList<string> Files)> Read(
        IReadOnlyList<string> maps, ISet<string> files, ICollection<ConfigurationProblem> problems)
    {
        var entries = new List<(string, IReadOnlyList<string>)>();
        foreach (var map in maps)
        {
            if (map.StartsWith(Inline, StringComparison.Ordinal))
                ReadInline(map, entries, problems);
            else
                ReadText(map, entries, files, problems);
        }

        return entries;
    }

    private static void ReadText(string map, List<(string, IReadOnlyList<string>)> entries, ISet<string> files, ICollection<ConfigurationProblem> problems)
    {
        var colon = map.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0 || !TextTypes.Contains(map[..colon]))
        {
            problems.Add(ConfigurationProblem.Error(new(map), Parameter, "unsupported table type",
                $"write one of {string.Join(", ", TextTypes)}, inline, and a file, as in hash:/etc/smtpshield/sni"));
            return;
        }

        var path = map[(colon + 1)..];
        files.Add(path);
        if (!ConfigurationText.TryRead(path, out var text, out var error))
        {
            problems.Add(ConfigurationProblem.Error(new(path), Parameter, error, "the shield reads the text, not what postmap makes of it"));
            return;
        }

        foreach (var line in LogicalLineReader.Read(text, path, problems))
        {
            var end = line.Text.AsSpan().IndexOfAny(Blanks);
            Add(new(path, line.First), end < 0 ? line.Text : line.Text[..end], end < 0 ? "" : line.Text[end..], entries, problems);
        }
    }

    private static void ReadInline(string map, List<(string, IReadOnlyList<string>)> entries, ICollection<ConfigurationProblem> problems)
    {
        var location = new SourceLocation(Inline[..^1]);
        if (InBraces(map[Inline.Length..]) is not { } content)
        {
            problems.Add(ConfigurationProblem.Error(location, Parameter, $"bad syntax: {map}", "write inline:{ {name = file} }"));
            return;
        }

        foreach (var word in ListTokenizer.Split(content))
        {
            var entry = InBraces(word) ?? word;
            var end = entry.IndexOf('=', StringComparison.Ordinal);
            Add(location, (end < 0 ? entry : entry[..end]).Trim(), end < 0 ? "" : entry[(end + 1)..], entries, problems);
        }
    }

    private static string? InBraces(string text) => text.Length > 1 && text[0] == '{' && text[^1] == '}' ? text[1..^1] : null;

    private static void Add(SourceLocation location, string name, string value, List<(string, IReadOnlyList<string>)> entries,
        ICollection<ConfigurationProblem> problems)
    {
        var files = ListTokenizer.Split(value);
        if (!HostName.IsValid(name.StartsWith('.') ? name[1..] : name) || files.Count == 0)
            problems.Add(ConfigurationProblem.Error(location, Parameter, $"bad entry: {name}",
                "write a host name, or a domain with a dot before it, and behind it the files with its key and chain"));
        else
            entries.Add((LowerCase(name), files));
    }

#pragma warning disable CA1308 // Postfix's tables have their keys in lower case.
    private static string LowerCase(string name) => name.ToLowerInvariant();
#pragma warning restore CA1308
}
