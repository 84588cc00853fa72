using System.Reflection;

namespace SmtpShield.PostfixConf.Parameters;

/// <summary>The names of Postfix's own parameters, used by the shield or not, so that a line copied from Postfix is not taken for a typing error.</summary>
internal static class PostfixParameterNames
{
    private static readonly Lazy<(HashSet<string> Names, string[] Suffixes)> Known = new(Read);

    /// <summary>Whether some Postfix release from 3.7 on knows the name.</summary>
    public static bool Contains(string name) =>
        Known.Value.Names.Contains(name) || Known.Value.Suffixes.Any(suffix => name.Length > suffix.Length && name.EndsWith(suffix, StringComparison.Ordinal));

    private static (HashSet<string> Names, string[] Suffixes) Read()
    {
        using var resource = Assembly.GetExecutingAssembly().GetManifestResourceStream("postfix-parameters.txt")!;
        using var reader = new StreamReader(resource);
        var lines = reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Where(line => line[0] != '#').ToList();
        return (lines.Where(line => line[0] != '*').ToHashSet(StringComparer.Ordinal), [.. lines.Where(line => line[0] == '*').Select(line => line[1..])]);
    }
}
