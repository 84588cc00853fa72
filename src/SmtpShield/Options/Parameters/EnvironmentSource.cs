using SmtpShield.PostfixConf;

namespace SmtpShield.Options.Parameters;

/// <summary>
/// The layer of environment variables: <c>SMTPSHIELD_</c> and the parameter's name, in capitals or as it is (<c>SMTPSHIELD_SMTPD_TIMEOUT=60s</c>).
/// </summary>
internal sealed class EnvironmentSource(IReadOnlyDictionary<string, string> environment) : ParameterSource
{
    /// <summary>What the variables begin with.</summary>
    public const string Prefix = "SMTPSHIELD_";

    private readonly Dictionary<string, string> _variables = new(StringComparer.Ordinal);

    /// <summary>The variables of this process.</summary>
    public static IReadOnlyDictionary<string, string> OfProcess() =>
        Environment.GetEnvironmentVariables().Cast<System.Collections.DictionaryEntry>()
            .ToDictionary(pair => (string)pair.Key, pair => (string?)pair.Value ?? "", StringComparer.Ordinal);

    /// <summary>Variables that are named as a parameter is, but without <see cref="Prefix"/>, and so are not read.</summary>
    public IEnumerable<string> Unprefixed => environment.Keys.Where(static variable => IsParameter(variable.ToLowerInvariant())).Order(StringComparer.Ordinal);

    /// <inheritdoc/>
    public override void Load()
    {
        // Ordinal order puts capitals first: a name written exactly wins over one in capitals.
        foreach (var (variable, value) in environment.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            if (!variable.StartsWith(Prefix, StringComparison.Ordinal) || variable.Length == Prefix.Length)
                continue;
            var name = variable[Prefix.Length..];
            if (!name.Any(char.IsAsciiLetterLower))
                name = name.ToLowerInvariant();
            Data[name] = value.Trim();
            _variables[name] = variable;
        }
    }

    /// <inheritdoc/>
    public override SourceLocation Locate(string name) => SourceLocation.Environment(_variables[name]);

    // Others, as MYHOSTNAME, may be anybody's.
    private static bool IsParameter(string name) =>
        name.Split('_')[0] is "anvil" or "shield" or "smtpd" && ParameterCatalog.All.ContainsKey(name);
}
