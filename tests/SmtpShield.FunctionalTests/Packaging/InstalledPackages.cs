using System.Text.RegularExpressions;
using SmtpShield.Testing.Outside;

namespace SmtpShield.FunctionalTests.Packaging;

/// <summary>The Debian packages of this machine, and what they need of each other.</summary>
internal sealed partial class InstalledPackages
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    private readonly List<string> _essential = [];
    private readonly Dictionary<string, string> _needs = [];
    private readonly Dictionary<string, string> _providers = [];

    private InstalledPackages()
    {
    }

    /// <summary>Asks dpkg.</summary>
    public static async Task<InstalledPackages> ReadAsync(CancellationToken cancellationToken)
    {
        var installed = new InstalledPackages();
        var lines = await OutsideProcess.RunSuccessfullyAsync("dpkg-query",
            ["--show", "--showformat", @"${db:Status-Status}\t${Package}\t${Essential}\t${Pre-Depends}, ${Depends}\t${Provides}\n"],
            s_limit, cancellationToken);
        foreach (var line in lines.Split('\n').Where(static line => line.StartsWith("installed\t", StringComparison.Ordinal)))
            installed.Add(line.Split('\t'));
        return installed;
    }

    /// <summary>Names of the essential packages, and of those that meet a dependency, theirs included; what is not installed is not among them.</summary>
    /// <param name="dependencies">As in a field Depends.</param>
    public IReadOnlyCollection<string> Closure(string dependencies)
    {
        var found = new HashSet<string>(_essential);
        var waiting = new Stack<string>([dependencies, .. _essential.Select(name => _needs[name])]);
        while (waiting.TryPop(out var needs))
        {
            foreach (var name in needs.Split(',').Select(Choose).OfType<string>().Where(found.Add))
                waiting.Push(_needs[name]);
        }

        return found;
    }

    private void Add(string[] fields)
    {
        var name = fields[1];
        _needs.TryAdd(name, fields[3]);
        if (fields[2] == "yes")
            _essential.Add(name);
        foreach (var provided in fields[4].Split(','))
            _providers.TryAdd(NameOf(provided), name);
    }

    private string? Choose(string alternatives) => alternatives.Split('|').Select(NameOf)
        .Select(name => _needs.ContainsKey(name) ? name : _providers.GetValueOrDefault(name)).FirstOrDefault(static name => name is not null);

    private static string NameOf(string dependency) => Name().Match(dependency).Value;

    [GeneratedRegex("[a-z0-9][a-z0-9+.-]*")]
    private static partial Regex Name();
}
