using System.Buffers;
using SmtpShield.PostfixConf.Files;
using SmtpShield.PostfixConf.Lists;
using SmtpShield.PostfixConf.MainCf;
using SmtpShield.PostfixConf.Values;

namespace SmtpShield.PostfixConf.Patterns;

/// <summary>Reads a match list and everything it names. Elements Postfix would find wrong at each look-up are errors here, when the list is read.</summary>
internal sealed class AddressPatternListParser
{
    // Far above any list in use; they keep a file that names itself, or a thousand files that name a thousand files, from filling the memory.
    private const int MaxElements = 1_000_000;
    private const int MaxFiles = 1000;
    private static readonly SearchValues<char> Numeric = SearchValues.Create("0123456789.");

    private readonly string _parameter;
    private readonly ICollection<ConfigurationProblem> _problems;
    private readonly ConfigurationFiles _files;
    private readonly List<AddressPattern> _patterns = [];
    private readonly Stack<string> _reading = new();
    private int _fileCount;

    private AddressPatternListParser(string parameter, ICollection<ConfigurationProblem> problems, ConfigurationFiles files) =>
        (_parameter, _problems, _files) = (parameter, problems, files);

    /// <summary>Parses a list.</summary>
    /// <param name="text">The list, expanded.</param>
    /// <param name="parameter">The parameter it is the value of.</param>
    /// <param name="location">Where the parameter is set.</param>
    /// <param name="problems">Receives what is wrong.</param>
    /// <param name="files">Reads the files the list names.</param>
    public static AddressPatternList Parse(
        string text, string parameter, SourceLocation location, ICollection<ConfigurationProblem> problems, ConfigurationFiles files)
    {
        var parser = new AddressPatternListParser(parameter, problems, files);
        parser.AddElements(text, location, isNegated: false);
        return parser._patterns.Count == 0 ? AddressPatternList.Empty : new AddressPatternList([.. parser._patterns]);
    }

    private void AddElements(string text, SourceLocation location, bool isNegated)
    {
        var tokens = new ListTokenizer(text);
        while (tokens.MoveNext())
        {
            var token = tokens.Current;
            if (token[0] == '#')
            {
                _problems.Add(ConfigurationProblem.Warning(location, _parameter,
                    $"{_parameter}: comment at end of line is not supported: {Printable.Start(token.ToString(), 20)}...",
                    "what follows is ignored; put the comment on a line of its own"));
                return;
            }
            if (_patterns.Count >= MaxElements)
            {
                Fail(location, $"list has more than {MaxElements} elements");
                return;
            }
            var item = token.TrimStart('!');
            AddElement(item.ToString(), location, isNegated ^ ((token.Length - item.Length) % 2 == 1));
        }
    }

    private void AddElement(string item, SourceLocation location, bool isNegated)
    {
        if (item.Length == 0)
            Fail(location, "no pattern after '!'", "write !pattern without a blank");
        else if (item[0] == '/')
            AddFile(item, location, isNegated);
        else if (item[0] != '[' && item.Contains(':', StringComparison.Ordinal))
            AddTable(item, location, isNegated);
        else if (item[0] == '[' || item.Contains('/', StringComparison.Ordinal) || !item.AsSpan().ContainsAnyExcept(Numeric))
            AddRange(item, location, isNegated);
        else if (HostName.IsValid(item.StartsWith('.') ? item[1..] : item))
            AddHostname(item, location, isNegated);
        else
            Fail(location, $"bad address pattern: \"{item}\"", "write an address, network/length, [IPv6 address], a host name, .domain or /file/name");
    }

    private void AddHostname(string item, SourceLocation location, bool isNegated)
    {
        // No top-level domain is without a letter (RFC 3696 section 2): 192.0.2.1-192.0.2.9 and 192.0.2.0-255 are meant as ranges, and nobody has these names.
        if (!item.AsSpan(item.LastIndexOf('.') + 1).ContainsAnyInRange('a', 'z') && !item.AsSpan(item.LastIndexOf('.') + 1).ContainsAnyInRange('A', 'Z'))
            _problems.Add(ConfigurationProblem.Warning(location, _parameter, $"{item} is read as a host name, which no client has",
                "write a range as network/length: 192.0.2.0/24"));
        _patterns.Add(new HostnamePattern(item) { IsNegated = isNegated });
    }

    private void AddRange(string item, SourceLocation location, bool isNegated)
    {
        if (AddressRange.TryParse(item, out var range, out var error))
            _patterns.Add(new RangePattern(range) { IsNegated = isNegated });
        else
            Fail(location, error,
                error.StartsWith("non-null", StringComparison.Ordinal) ? "" : "write 192.0.2.1, 192.0.2.0/24, [2001:db8::1] or [2001:db8::]/32");
    }

    private void AddFile(string path, SourceLocation location, bool isNegated)
    {
        if (!TryReadFile(path, location, out var text))
            return;
        _reading.Push(path);
        foreach (var line in LogicalLineReader.Read(text, path, _problems))
            AddElements(line.Text, new SourceLocation(path, line.First), isNegated);
        _reading.Pop();
    }

    private void AddTable(string item, SourceLocation location, bool isNegated)
    {
        var separator = item.IndexOf(':', StringComparison.Ordinal);
        var (type, name) = (item[..separator], item[(separator + 1)..]);
        switch (type)
        {
            case "static" when name.Length > 0:
                _patterns.Add(new EveryonePattern { IsNegated = isNegated });
                break;
            case "cidr" when name.StartsWith('/'):
                if (TryReadFile(name, location, out var text))
                    _patterns.Add(new CidrTableParser(_parameter, _problems).Parse(CidrTableParser.Lines(text, name, _problems), isNegated));
                break;
            case "cidr" when name is ['{', .., '}']:
                AddInlineCidr(name[1..^1], location, isNegated);
                break;
            case "static" or "cidr":
                Fail(location, $"bad table name: \"{item}\"", "write cidr:/file/name, cidr:{{network/length value}, ...} or static:all");
                break;
            default:
                FailTableType(item, type, location);
                break;
        }
    }

    private void AddInlineCidr(string rules, SourceLocation location, bool isNegated)
    {
        var lines = new List<(string, SourceLocation)>();
        foreach (var rule in ListTokenizer.Split(rules))
        {
            if (rule is ['{', .., '}'])
                lines.Add((rule[1..^1], location));
            else
                Fail(location, $"cidr map: no '{{' at start of text in \"{rule}\"", "write cidr:{{network/length value}, {network/length value}}");
        }
        _patterns.Add(new CidrTableParser(_parameter, _problems).Parse(lines, isNegated));
    }

    private void FailTableType(string item, string type, SourceLocation location)
    {
        var address = item.Contains('/', StringComparison.Ordinal) ? item[..item.IndexOf('/', StringComparison.Ordinal)] : item;
        if (AddressBits.TryParse(address, out _))
            Fail(location, $"bad address pattern: \"{item}\"", $"an IPv6 address must be in brackets: [{address}]{item[address.Length..]}");
        else
            Fail(location, $"unsupported dictionary type: {type}",
                "the shield reads cidr:, static:all and lists in /file/name; postmap -s prints what is in the table");
    }

    private bool TryReadFile(string path, SourceLocation location, out string text)
    {
        text = "";
        if (_reading.Contains(path))
            Fail(location, $"file {path} names itself", "remove one of the two");
        else if (++_fileCount > MaxFiles)
            Fail(location, $"list names more than {MaxFiles} files");
        else if (!_files.TryRead(path, out var content, out var error))
            Fail(location, error);
        else
            text = content;
        return text.Length > 0;
    }

    private void Fail(SourceLocation location, string message, string hint = "") =>
        _problems.Add(ConfigurationProblem.Error(location, _parameter, _parameter.Length == 0 ? message : $"{_parameter}: {message}", hint));
}
