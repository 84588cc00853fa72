namespace SmtpShield.Configuration.Parameters;

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
    private readonly List<(string? Service, string Name)> _vital = [];
    private readonly List<string?> _services;

    private ParameterValues(ShieldConfiguration configuration)
    {
        _entries = configuration.File.Entries.Count;
        var services = configuration.Parameters.Expand(configuration.Parameters.Find("shield_services") ?? "").Text;
        _services = [null, .. Patterns.ListTokenizer.Split(services).Distinct().Take(Binding.ServiceValidator.MaxServices)];
        foreach (var service in _services)
            Add(service, service is null ? configuration.Parameters : configuration.ParametersOf(service));
    }

    /// <summary>Those of a configuration as it was read last.</summary>
    public static ParameterValues Of(ShieldConfiguration configuration) => new(configuration);

    /// <summary>Why the configuration is not what somebody meant who changed <paramref name="earlier"/>: a file half written, emptied by a full disk, or the wrong one.</summary>
    /// <param name="earlier">The configuration in force.</param>
    /// <param name="path">The file.</param>
    public IReadOnlyList<ConfigurationProblem> LostSince(ParameterValues earlier, string path)
    {
        var location = new SourceLocation(path);
        if (_entries == 0 && earlier._entries > 0)
            return [ConfigurationProblem.Error(location, "", "has no parameter any more", "was it saved half? Write it again; a restart takes it as it is")];
        return
        [
            .. earlier._vital.Except(_vital).Where(lost => _services.Contains(lost.Service)).Select(lost => ConfigurationProblem.Error(
                location,
                Written(lost),
                $"{Written(lost)} was set and is not any more: {lost.Name} = {_values[lost.Name]} would take its place",
                $"was the file saved half? Write {Written(lost)} = ..., if it is that value; a restart takes the file as it is")),
        ];
    }

    /// <summary>The parameters whose expanded value is another one, as in <c>smtpd_hard_error_limit 20 -> 5</c>, of many the first ones; empty when there are none.</summary>
    public string ChangesSince(ParameterValues earlier)
    {
        var changes = _values.Keys.Union(earlier._values.Keys).Order(StringComparer.Ordinal)
            .Select(name => (Name: name, Before: earlier.ValueOf(name), Now: ValueOf(name))).Where(change => change.Before != change.Now).ToList();
        var shown = changes.Take(MaxChanges).Select(change => $"{change.Name} {Show(change.Before)} -> {Show(change.Now)}");
        return string.Join(", ", shown) + (changes.Count > MaxChanges ? $" and {changes.Count - MaxChanges} more" : "");
    }

    private static string Show(string value) => value.Length == 0 ? "(empty)" : Printable.Text(value.Length <= MaxValue ? value : value[..MaxValue] + "...");

    private static string Written((string? Service, string Name) parameter) => parameter.Service is { } service ? ServiceParameter.Write(service, parameter.Name) : parameter.Name;

    private void Add(string? service, ParameterTable table)
    {
        foreach (var name in ParameterCatalog.All.Keys)
        {
            var written = table.WrittenName(name);
            if (service is null || written != name)
                _values[written] = table.Expand(table.Find(name) ?? "").Text;
        }

        foreach (var name in Vital.Where(table.IsSet))
            _vital.Add((service, name));
    }

    // A service without a value of its own has that of all.
    private string ValueOf(string name) =>
        _values.TryGetValue(name, out var value) || (ServiceParameter.TryParse(name, out var parameter) && _values.TryGetValue(parameter.Name, out value)) ? value : "";
}
