using Microsoft.Extensions.Configuration;
using SmtpShield.Options;
using SmtpShield.Options.Binding;
using SmtpShield.Options.Parameters;
using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.MainCf;
using SmtpShield.PostfixConf.Parameters;

namespace SmtpShield.Host.Commands;

/// <summary>
/// The part of <c>postconf</c> that prints. It shows the file and <c>-o</c>; environment variables belong to the process that runs, not to this one.
/// </summary>
internal sealed class PostconfPrinter(string path, string[] overrides, TextWriter output, TextWriter error)
{
    private const int LineLimit = 80;
    private const string Indentation = "    ";

    /// <summary>Prints the named parameters, or all.</summary>
    /// <exception cref="PostconfException">The file, an override or a value cannot be understood.</exception>
    public void Print(PostconfOptions options, string[] names)
    {
        if (options.HasFlag(PostconfOptions.Defaults))
        {
            var defaults = new ParameterTable(new ConfigurationBuilder().Add(new DefaultSource()).Build(), HostFacts.Local());
            Print(defaults, options, names, ParameterCatalog.All.Keys, ParameterCatalog.All.ContainsKey, _ => defaults);
            return;
        }
        var configuration = new ShieldConfiguration(path, overrides, new Dictionary<string, string>(), HostFacts.Local());
        ReportFile(configuration.File);
        var file = WithOverrides(configuration.File);
        var audit = new NameAudit(file);
        ReportReferences(audit);
        if (options.HasFlag(PostconfOptions.Services))
        {
            PrintServices(configuration, file, options, names);
            WarnOfUnused(audit);
            return;
        }
        var all = ParameterCatalog.All.Keys.Concat(file.Entries.Keys.Where(audit.IsUsed)).Distinct().Order(StringComparer.Ordinal);
        Print(configuration.Parameters, options, names, all, audit.IsUsed, configuration.ParametersOf);
        WarnOfUnused(audit);
    }

    // The services in the order of shield_services, what is written for others behind them; the parameters of each by name.
    private void PrintServices(ShieldConfiguration configuration, MainCfFile file, PostconfOptions options, string[] names)
    {
        var patterns = names.Select(name => (Text: name, Pattern: ServicePattern.OfRequest(name))).ToList();
        if (patterns.Count == 0)
            patterns.Add(("*", ServicePattern.OfRequest("*")));
        var written = ServiceParameters.Of(file).ToList();
        var order = ServiceParameters.Listed(configuration).Concat(written.Select(parameter => parameter.Service)).Distinct().ToList();
        var sorted = written.OrderBy(parameter => order.IndexOf(parameter.Service)).ThenBy(parameter => parameter.Type, StringComparer.Ordinal)
            .ThenBy(parameter => parameter.Name, StringComparer.Ordinal).ToList();
        foreach (var parameter in sorted.Where(parameter => patterns.Exists(request => request.Pattern.Fits(parameter))))
            PrintOne(configuration.ParametersOf(parameter.Service), options, $"{parameter.Service}/{parameter.Type}/{parameter.Name}");
        foreach (var (text, _) in patterns.Where(request => names.Length > 0 && !sorted.Exists(request.Pattern.Fits)))
            Warn($"unmatched request: \"{text}\"");
    }

    private void WarnOfUnused(NameAudit audit)
    {
        foreach (var entry in audit.Unused)
            Warn($"{path}: unused parameter: {entry.Name}={entry.Value}");
    }

    private void ReportFile(MainCfFile file)
    {
        foreach (var problem in file.Problems.Where(problem => problem.Severity == ProblemSeverity.Warning))
            Warn($"{problem.Location}: {problem.Message}");
        var errors = file.Problems.Where(problem => problem.Severity == ProblemSeverity.Error).ToList();
        foreach (var problem in errors.SkipLast(1))
            error.WriteLine($"postconf: fatal: {Describe(problem)}");
        if (errors.Count > 0)
            throw new PostconfException(Describe(errors[^1]));
    }

    // A file that cannot be opened is named in the message.
    private static string Describe(ConfigurationProblem problem) => problem.Location.Line > 0 ? $"{problem.Location}: {problem.Message}" : problem.Message;

    private MainCfFile WithOverrides(MainCfFile file)
    {
        var entries = new Dictionary<string, MainCfEntry>(file.Entries, StringComparer.Ordinal);
        foreach (var argument in overrides)
        {
            if (!NameValue.TrySplit(argument, out var assignment, out var wrong))
                throw new PostconfException($"invalid parameter override: {argument}: {wrong}");
            entries[assignment.Name] = new MainCfEntry(assignment.Name, assignment.Value, 0);
        }
        return file with { Entries = entries };
    }

    private void ReportReferences(NameAudit audit)
    {
        foreach (var (_, name) in audit.Undefined)
            Warn($"{path}: undefined parameter: {name}");
        foreach (var (_, wrong) in audit.Unreadable)
            Warn(wrong);
        if (audit.Unreadable.Count > 0)
            throw new PostconfException("macro processing error");
    }

    private void Print(ParameterTable table, PostconfOptions options, string[] names, IEnumerable<string> all, Func<string, bool> isKnown,
        Func<string, ParameterTable> tableOf)
    {
        foreach (var name in names.Length > 0 ? names : all)
        {
            if (!isKnown(name))
                Warn($"{name}: unknown parameter");
            else if (!options.HasFlag(PostconfOptions.OnlySet) || table.IsSet(name))
                PrintOne(ServiceParameter.TryParse(name, out var parameter) ? tableOf(parameter.Service) : table, options, name);
        }
    }

    private void PrintOne(ParameterTable table, PostconfOptions options, string name)
    {
        if (options.HasFlag(PostconfOptions.HideValue))
        {
            PrintLine(name, options);
            return;
        }
        var value = table.Find(name) ?? "";
        if (options.HasFlag(PostconfOptions.Expand))
            value = Expand(table, value);
        PrintLine(options.HasFlag(PostconfOptions.HideName) ? value : $"{name} = {value}", options);
    }

    private string Expand(ParameterTable table, string value)
    {
        var (text, wrong) = table.Expand(value);
        if (wrong.Length == 0)
            return text;
        Warn(wrong);
        throw new PostconfException("macro processing error");
    }

    // Blanks are collapsed and the line is folded as in Postfix's pcf_print_line().
    private void PrintLine(string text, PostconfOptions options)
    {
        var length = 0;
        foreach (var word in text.Split([' ', '\t', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries))
        {
            if (length > 0 && options.HasFlag(PostconfOptions.Fold) && length + word.Length >= LineLimit)
            {
                output.Write("\n" + Indentation);
                length = Indentation.Length;
            }
            else if (length > 0)
            {
                output.Write(' ');
                length++;
            }
            output.Write(word);
            length += word.Length;
        }
        output.Write('\n');
    }

    private void Warn(string message) => error.WriteLine($"postconf: warning: {message}");
}
