using System.Globalization;
using SmtpShield.PostfixConf.Files;
using SmtpShield.PostfixConf.MainCf;

namespace SmtpShield.PostfixConf.MasterCf;

/// <summary>A master.cf file as it was read: its services, and everything that is wrong with its syntax. It knows no parameter.</summary>
/// <param name="Path">The path, as given by the administrator.</param>
/// <param name="Entries">The services in their order; of a name and type the last one.</param>
/// <param name="Problems">Errors where an smtpd or postscreen cannot be understood, warnings for other services; in the order of the lines.</param>
internal sealed record MasterCfFile(string Path, IReadOnlyList<MasterCfEntry> Entries, IReadOnlyList<ConfigurationProblem> Problems)
{
    private const int ColumnCount = 8;

    // Far above any file in use.
    private const int MaxEntries = 10_000;
    private const int MaxProblems = 1000;

    /// <summary>Reads a file. A file that cannot be read is a file with one error.</summary>
    public static MasterCfFile Read(string path) =>
        ConfigurationText.TryRead(path, out var text, out var error)
            ? Parse(text, path)
            : new MasterCfFile(path, [], [ConfigurationProblem.Error(new SourceLocation(path), "", error)]);

    /// <summary>Parses the text of a file.</summary>
    public static MasterCfFile Parse(string text, string path)
    {
        var entries = new List<MasterCfEntry>();
        var problems = new List<ConfigurationProblem>();
        foreach (var line in LogicalLineReader.Read(text, path, problems))
        {
            if (entries.Count >= MaxEntries || problems.Count >= MaxProblems)
            {
                problems.Add(ConfigurationProblem.Error(new SourceLocation(path, line.First), "",
                    $"more than {MaxEntries} services or {MaxProblems} mistakes: the rest is not read", "is it a master.cf?"));
                break;
            }
            if (ParseLine(line, new SourceLocation(path, line.First), problems) is not { } entry)
                continue;
            if (entries.RemoveAll(earlier => (earlier.Service, earlier.Type) == (entry.Service, entry.Type)) > 0)
                problems.Add(ConfigurationProblem.Warning(new SourceLocation(path, line.First), "", $"duplicate service: {entry.Service} {entry.Type}",
                    "the last entry counts; remove the earlier one"));
            entries.Add(entry);
        }
        problems.Sort(static (a, b) => a.Location.Line.CompareTo(b.Location.Line));
        return new MasterCfFile(path, entries, problems);
    }

    private static MasterCfEntry? ParseLine(LogicalLine line, SourceLocation location, List<ConfigurationProblem> problems)
    {
        var words = MasterCfWords.Split(line.Text);
        if (words.Count < ColumnCount)
        {
            problems.Add(ConfigurationProblem.Error(location, "", $"bad field count: \"{line.Text.Trim()}\"",
                "a service has eight columns: service type private unpriv chroot wakeup maxproc command"));
            return null;
        }
        var (type, processLimit, command) = (words[1], words[6], words[7]);
        if (type is not ("inet" or "unix" or "fifo" or "unix-dgram" or "pass"))
        {
            problems.Add(ConfigurationProblem.Warning(location, "", $"invalid type field \"{type}\": \"{line.Text.Trim()}\"",
                "the service is left out; write inet, unix, fifo, unix-dgram or pass"));
            return null;
        }
        var isRead = command is "smtpd" or "postscreen";
        if (isRead && processLimit != "-" && !int.TryParse(processLimit, NumberStyles.None, CultureInfo.InvariantCulture, out _))
        {
            problems.Add(
                ConfigurationProblem.Error(location, "", $"invalid process_limit field \"{processLimit}\": \"{line.Text.Trim()}\"", "write a number or -"));
            return null;
        }
        var options = new MasterCfOptions(words[ColumnCount..], line.First);
        foreach (var error in options.Errors)
            problems.Add(new ConfigurationProblem(isRead ? ProblemSeverity.Error : ProblemSeverity.Warning, location, "", error,
                "write -o name=value or -o { name = value }"));
        return new MasterCfEntry(words[0], type, words[4], processLimit, command, options.Overrides, options.Others, line.First);
    }
}
