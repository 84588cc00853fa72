using SmtpShield.Options.Binding;
using SmtpShield.Options.Parameters;
using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.Files;
using SmtpShield.PostfixConf.MainCf;
using SmtpShield.PostfixConf.Parameters;

namespace SmtpShield.Options;

/// <summary>
/// The layers a configuration is made of, lowest first: built-in defaults, the file, environment variables, <c>-o</c> arguments, what operators have set on the
/// running shield. Reads them, expands, converts and checks every value, and answers with options or with all errors. Puts nothing in force: that is
/// <see cref="ShieldConfigurationWatcher"/>'s part.
/// </summary>
public sealed class ShieldConfiguration
{
    /// <summary>The file that is read when <c>-c</c> names none.</summary>
    public static string DefaultPath => DefaultPlaces.Configuration;

    private const string FileName = "main.cf";

    private readonly MainCfSource _file;
    private readonly EnvironmentSource _environment;
    private readonly OverrideSource _overrides;
    private readonly RunTimeSource _runTime = new();
    private readonly HostFacts _host;
    private readonly IConfigurationRoot _layers;
    private MainCfFile _accepted;
    private ConfigurationFiles _read = new();
    private ConfigurationFiles? _acceptedFiles;
    private ConfigurationFiles? _fixedFiles;

    /// <summary>Reads the layers once.</summary>
    /// <param name="path">The file, or a directory that contains a <c>main.cf</c>.</param>
    /// <param name="overrides">The <c>-o</c> arguments, each <c>name=value</c>.</param>
    public ShieldConfiguration(string path, IEnumerable<string> overrides)
        : this(path, overrides, EnvironmentSource.OfProcess(), HostFacts.Local())
    {
    }

    internal ShieldConfiguration(string path, IEnumerable<string> overrides, IReadOnlyDictionary<string, string> environment, HostFacts host)
    {
        Path = ResolvePath(path);
        _file = new MainCfSource(Path);
        _environment = new EnvironmentSource(environment);
        _overrides = new OverrideSource([.. overrides]);
        _host = host;
        _layers = new ConfigurationBuilder().Add(new DefaultSource()).Add(_file).Add(_environment).Add(_overrides).Add(_runTime).Build();
        _accepted = _file.File;
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>The values as written, for those who take an <see cref="IConfiguration"/>; its token fires when the file was read again.</summary>
    public IConfiguration Values => _layers;

    /// <summary>The values of all layers.</summary>
    internal ParameterTable Parameters => new(_layers, _host);

    /// <summary>The values of all layers as a service has them.</summary>
    internal ParameterTable ParametersOf(string service) => new(_layers, _host, service: service);

    /// <summary>The same with a <c>$stress</c> that counts as <c>yes</c>.</summary>
    internal ParameterTable StressedParametersOf(string service) => new(_layers, _host, isUnderStress: true, service);

    /// <summary>What operators have set on the running shield.</summary>
    internal RunTimeSource RunTime => _runTime;

    /// <summary>The file as it was read last.</summary>
    internal MainCfFile File => _file.File;

    /// <summary>Reads a configuration once.</summary>
    public static ShieldConfigurationResult Load(string path, IEnumerable<string> overrides) => new ShieldConfiguration(path, overrides).Read();

    /// <summary>The file a <c>-c</c> argument means: Postfix's is a directory, ours may be either.</summary>
    public static string ResolvePath(string path) => Directory.Exists(path) ? System.IO.Path.Combine(path, FileName) : path;

    /// <summary>Reads the file again.</summary>
    public ShieldConfigurationResult Reload() => Guarded(() =>
    {
        _file.Load();
        return Evaluate();
    });

    /// <summary>Evaluates what was read.</summary>
    public ShieldConfigurationResult Read() => Guarded(Evaluate);

    /// <summary>The names that the file sets in vain: <c>-o</c>, the environment or an operator has them, too.</summary>
    internal IEnumerable<string> Overridden => _file.File.Entries.Keys
        .Where(name => _overrides.Names.Contains(name) || _environment.Names.Contains(name) || _runTime.Names.Contains(name)).Order(StringComparer.Ordinal);

    /// <summary>The file as it was read last is in force.</summary>
    internal void Accept() => (_accepted, _acceptedFiles) = (_file.File, _read);

    /// <summary>
    /// Looks at the configuration in force, where the file as it was read last may be another, refused one. The files that lists name are not read again: they
    /// are as they were when the configuration came into force.
    /// </summary>
    internal T InForce<T>(Func<T> look)
    {
        var read = _file.File;
        _file.Use(_accepted);
        _fixedFiles = _acceptedFiles;
        try
        {
            return look();
        }
        finally
        {
            _fixedFiles = null;
            _file.Use(read);
        }
    }

    /// <summary>Looks at the configuration with other run-time values.</summary>
    internal T With<T>(IReadOnlyDictionary<string, string> values, Func<T> look)
    {
        var before = _runTime.Values;
        _runTime.Values = values;
        try
        {
            return look();
        }
        finally
        {
            _runTime.Values = before;
        }
    }

    /// <summary>Where each value was set.</summary>
    internal ParameterOrigins Origins() => new(
        _layers.Providers.OfType<ParameterSource>().Where(static layer => layer is not DefaultSource)
            .SelectMany(static layer => layer.Names.Select(name => (Name: name, Location: layer.Locate(name))))
            .GroupBy(static set => set.Name, StringComparer.Ordinal)
            .ToDictionary(static sets => sets.Key, static sets => sets.Last().Location, StringComparer.Ordinal));

    /// <summary>What is set, and to what, by the file as it was read last and the layers above it.</summary>
    internal ParameterValues Summarize() => ParameterValues.Of(this);

    // Whatever a file makes our own code throw is a configuration that is refused: never the end of a shield that serves clients.
    private ShieldConfigurationResult Guarded(Func<ShieldConfigurationResult> read)
    {
        try
        {
            return read();
        }
        catch (Exception exception)
        {
            var problem = ConfigurationProblem.Error(new(Path), "", $"cannot be evaluated: {exception.GetType().Name}: {exception.Message}",
                "undo the last change; this is a bug of the shield: report it with the file");
            return new(null, [problem]) { Files = [Path] };
        }
    }

    private ShieldConfigurationResult Evaluate()
    {
        var problems = new ProblemList();
        var files = FilesToRead();
        var reader = new ParameterReader(problems, files);
        problems.AddRange(_file.File.Problems);
        problems.AddRange(_overrides.Problems);
        AuditNames(problems);

        var options = Bind(null, problems, reader);
        // Names without end would be bound without end: too many are an error below, and nothing else is said of them.
        var names = options.Service.Names.Distinct().ToList();
        options = options with { Services = names.Take(names.Count > ServiceValidator.MaxServices ? 0 : names.Count)
            .ToDictionary(service => service, service => Bind(service, problems, reader), StringComparer.Ordinal) };
        var services = new ServiceValidator(Parameters.Locate, problems);
        services.Validate(options);
        new UpstreamValidator(Parameters.Locate, problems, files).Validate(options);
        services.ValidateNames(options, _file.File.Entries.Keys.Concat(_overrides.Names).Concat(_runTime.Names));
        return new ShieldConfigurationResult(
            problems.HasErrors ? null : options, [.. problems.OrderByDescending(problem => problem.Severity).ThenBy(problem => problem.Location.Line)])
        {
            Files = [Path, .. files.Paths],
            IsHostnameMadeUp = !Parameters.IsSet("myhostname"),
        };
    }

    // The program starts with what it has read first, and looks at nothing else until then.
    private ConfigurationFiles FilesToRead()
    {
        if (_fixedFiles is not null)
            return _fixedFiles;

        _read = new();
        _acceptedFiles ??= _read;
        return _read;
    }

    // Bound and checked for both states, so that an error in ${stress?{…}:{…}} is found now and not under attack.
    private ShieldOptions Bind(string? service, ProblemList problems, ParameterReader reader) =>
        Bind(service, isUnderStress: false, problems, reader) with { UnderStress = Bind(service, isUnderStress: true, problems, reader) };

    private ShieldOptions Bind(string? service, bool isUnderStress, ProblemList problems, ParameterReader reader)
    {
        var table = new ParameterTable(_layers, _host, isUnderStress, service);
        var options = new OptionsBinder(table, problems, reader).Bind();
        new OptionsValidator(table, problems).Validate(options);
        return ShadowRules.Split(options with { IsStressForced = !isUnderStress && table.Expand(table.Find("stress") ?? "").Text.Length > 0 });
    }

    private void AuditNames(ProblemList problems)
    {
        var audit = new NameAudit(_file.File);
        problems.AddRange(audit.ReferenceProblems);
        problems.AddRange(audit.Unused.Select(entry => NameAudit.Judge(entry.Name, new SourceLocation(Path, entry.Line))));
        problems.AddRange(_overrides.Names.Where(name => !audit.IsUsed(name)).Select(name => NameAudit.Judge(name, _overrides.Locate(name))));
        problems.AddRange(_environment.Unprefixed.Select(variable => ConfigurationProblem.Warning(
            SourceLocation.Environment(variable), variable, $"{variable} has no effect",
            $"a variable that sets a parameter begins with {EnvironmentSource.Prefix}: {EnvironmentSource.Prefix}{variable}")));
        // An orchestrator sets variables of its own, such as SMTPSHIELD_SERVICE_HOST: only what looks like a parameter is worth a word.
        problems.AddRange(_environment.Names.Where(name => !audit.IsUsed(name) && NearestName.Find(name, ParameterCatalog.All.Keys) is not null)
            .Select(name => NameAudit.Judge(name, _environment.Locate(name))));
    }
}
