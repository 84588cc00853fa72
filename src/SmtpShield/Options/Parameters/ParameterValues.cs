using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.Lists;
using SmtpShield.PostfixConf.Parameters;

namespace SmtpShield.Options.Parameters;

/// <summary>What a configuration sets, and to what: what a reload is compared with.</summary>
internal sealed class ParameterValues
{
    // A line of the log has 2048 octets.
    private const int MaxChanges = 12;
    private const int MaxValue = 60;

    // Without these clients come to another port, or to another MTA, than those the running configuration names.
    private static readonly string[] Vital = ["shield_listen", "shield_upstream"];

    private readonly int _entries;
    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Service, string Name), (string Written, string Value, bool IsSet)> _vital = [];

    private ParameterValues(ShieldConfiguration configuration)
    {
        _entries = configuration.File.Entries.Count;
        var services = configuration.Parameters.Expand(configuration.Parameters.Find("shield_services") ?? "").Text;
        Add(null, configuration.Parameters);
        foreach (var service in ListTokenizer.Split(services).Distinct().Take(Binding.ServiceValidator.MaxServices))
            Add(service, configuration.ParametersOf(service));
    }

    /// <summary>Those of a configuration as it was read last.</summary>
    public static ParameterValues Of(ShieldConfiguration configuration) => new(configuration);

    /// <summary>
    /// Why the configuration is not what somebody meant who changed <paramref name="earlier"/>: a file half written, emptied by a full disk, or the wrong one.
    /// </summary>
    /// <param name="earlier">The configuration in force.</param>
    /// <param name="path">The file.</param>
    public IReadOnlyList<ConfigurationProblem> LostSince(ParameterValues earlier, string path)
    {
        var location = new SourceLocation(path);
        if (_entries == 0 && earlier._entries > 0)
            return [ConfigurationProblem.Error(location, "", "has no parameter any more", "was it saved half? Write it again; a restart takes it as it is")];
        var lost =
            from before in earlier._vital
            where before.Value.IsSet
            let now = _vital.GetValueOrDefault(before.Key)
            where now is { Written: not null, IsSet: false }
            select (before.Value.Written, before.Key.Name, now.Value);
        return
        [
            .. lost.DistinctBy(parameter => parameter.Written).Select(parameter => ConfigurationProblem.Error(
                location,
                parameter.Written,
                $"{parameter.Written} was set and is not any more: {parameter.Name} = {parameter.Value} would take its place",
                $"was the file saved half? Write {parameter.Written} = ..., if it is that value; a restart takes the file as it is")),
        ];
    }

    /// <summary>
    /// The parameters whose expanded value is another one, as in <c>smtpd_hard_error_limit 20 -> 5</c>, of many the first ones; empty when there are none.
    /// </summary>
    public string ChangesSince(ParameterValues earlier)
    {
        var changes = _values.Keys.Union(earlier._values.Keys).Order(StringComparer.Ordinal)
            .Select(name => (Name: name, Before: earlier.ValueOf(name), Now: ValueOf(name))).Where(change => change.Before != change.Now).ToList();
        var shown = changes.Take(MaxChanges).Select(change => $"{change.Name} {Show(change.Before)} -> {Show(change.Now)}");
        return string.Join(", ", shown) + (changes.Count > MaxChanges ? $" and {changes.Count - MaxChanges} more" : "");
    }

    private static string Show(string value) => value.Length == 0 ? "(empty)" : Printable.Text(value.Length <= MaxValue ? value : value[..MaxValue] + "...");

    private void Add(string? service, ParameterTable table)
    {
        foreach (var name in ParameterCatalog.All.Keys)
        {
            var written = table.WrittenName(name);
            if (service is null || written != name)
                _values[written] = table.Expand(table.Find(name) ?? "").Text;
        }

        if (service is null)
            return;
        foreach (var name in Vital)
            _vital[(service, name)] = (table.WrittenName(name), table.Expand(table.Find(name) ?? "").Text, table.IsSet(name));
    }

    // A service without a value of its own has that of all.
    private string ValueOf(string name) =>
        _values.TryGetValue(name, out var value) || (ServiceParameter.TryParse(name, out var parameter) && _values.TryGetValue(parameter.Name, out value))
            ? value
            : "";
}
