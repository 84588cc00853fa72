using System.Text;
using System.Text.RegularExpressions;

namespace SmtpShield.Testing.Outside;

/// <summary>A log file that somebody else writes, read once however many look at it: a Postfix with hundreds of services has one.</summary>
/// <param name="path">The file; it need not be there yet.</param>
public sealed partial class LogFile(string path)
{
    private readonly Dictionary<string, List<string>> _texts = [];
    private readonly StringBuilder _rest = new();
    private readonly Lock _lock = new();
    private long _read;

    /// <summary>The file.</summary>
    public string Path => path;

    /// <summary>The texts of the lines with one tag (<c>syslog_name/process</c>) so far, without time, host, tag and process id.</summary>
    /// <param name="tag">The tag.</param>
    /// <param name="from">How many lines of it to leave out.</param>
    public IReadOnlyList<string> TextsOf(string tag, int from)
    {
        lock (_lock)
        {
            ReadOn();
            return _texts.TryGetValue(tag, out var texts) ? [.. texts.Skip(from)] : [];
        }
    }

    private void ReadOn()
    {
        if (!File.Exists(path))
            return;
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        if (file.Length == _read)
            return;
        file.Position = _read;
        using var reader = new StreamReader(file, Encoding.Latin1);
        var added = reader.ReadToEnd();
        _read = file.Position;
        _rest.Append(added);
        var lines = _rest.ToString().Split('\n');
        _rest.Clear().Append(lines[^1]);
        foreach (var match in lines[..^1].Select(line => Line().Match(line)).Where(match => match.Success))
        {
            var tag = match.Groups["tag"].Value;
            if (!_texts.TryGetValue(tag, out var texts))
                _texts[tag] = texts = [];
            texts.Add(match.Groups["text"].Value);
        }
    }

    [GeneratedRegex(@"^\w{3} +\d+ \d\d:\d\d:\d\d \S+ (?<tag>[^\[ ]+)\[\d+\]: (?<text>.*)$")]
    private static partial Regex Line();
}
