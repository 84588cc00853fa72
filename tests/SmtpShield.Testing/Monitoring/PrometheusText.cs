using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace SmtpShield.Testing.Monitoring;

/// <summary>
/// A strict reader of Prometheus' text format 0.0.4 and of OpenMetrics 1.0.0, as their specifications have them: whatever is not exactly right is an error. It
/// knows nothing of the program.
/// </summary>
internal sealed partial class PrometheusText
{
    private static readonly string[] _kinds = ["counter", "gauge", "histogram"];

    private readonly bool _isOpenMetrics;
    private readonly Dictionary<string, double> _series = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _kindOf = new(StringComparer.Ordinal);
    private readonly HashSet<string> _helped = new(StringComparer.Ordinal);
    private string _family = "";

    private PrometheusText(bool isOpenMetrics) => _isOpenMetrics = isOpenMetrics;

    /// <summary>The values, by name and labels as they are written: <c>name{label="value"}</c>.</summary>
    public IReadOnlyDictionary<string, double> Series => _series;

    /// <summary>What each family is: <c>counter</c>, <c>gauge</c> or <c>histogram</c>.</summary>
    public IReadOnlyDictionary<string, string> Families => _kindOf;

    /// <summary>The values of one metric added up, of those series whose labels have a text in them.</summary>
    public double Sum(string name, string labels = "") => _series
        .Where(pair => (pair.Key == name || pair.Key.StartsWith(name + "{", StringComparison.Ordinal)) && pair.Key.Contains(labels, StringComparison.Ordinal))
        .Sum(static pair => pair.Value);

    /// <summary>Reads a text.</summary>
    /// <exception cref="FormatException">It is not as it must be; the message has the line.</exception>
    public static PrometheusText Parse(string text, bool isOpenMetrics = false)
    {
        if (!text.EndsWith('\n'))
            throw new FormatException("The last line has no end.");

        var read = new PrometheusText(isOpenMetrics);
        var lines = text[..^1].Split('\n');
        if (isOpenMetrics && lines[^1] != "# EOF")
            throw new FormatException("There is no # EOF.");
        foreach (var line in isOpenMetrics ? lines[..^1] : lines)
            read.Take(line);
        read.CheckHistograms();
        return read;
    }

    private void Take(string line)
    {
        if (Help().Match(line) is { Success: true } help)
            Begin(help.Groups[1].Value, line, isHelp: true);
        else if (Kind().Match(line) is { Success: true } kind)
            SetKind(kind.Groups[1].Value, kind.Groups[2].Value, line);
        else if (_isOpenMetrics && Unit().Match(line) is { Success: true } unit)
            Require(unit.Groups[1].Value == _family && _family.EndsWith($"_{unit.Groups[2].Value}", StringComparison.Ordinal), line, "not its unit");
        else
            TakeSample(line);
    }

    private void Begin(string family, string line, bool isHelp)
    {
        Require(!isHelp || _helped.Add(family), line, "a second HELP");
        Require(family == _family || !_kindOf.ContainsKey(family), line, "a family in two places");
        _family = family;
    }

    private void SetKind(string family, string kind, string line)
    {
        Require(_kinds.Contains(kind), line, "a type that nobody uses");
        Require(_helped.Contains(family), line, "no HELP");
        Begin(family, line, isHelp: false);
        Require(_kindOf.TryAdd(family, kind), line, "a second TYPE");
        Require(_isOpenMetrics || (kind == "counter") == family.EndsWith("_total", StringComparison.Ordinal), line, "_total is for counters");
        Require(!_isOpenMetrics || !family.EndsWith("_total", StringComparison.Ordinal), line, "a family with _total");
    }

    private void TakeSample(string line)
    {
        var sample = Sample().Match(line);
        Require(sample.Success, line, "neither a comment nor a sample");
        var name = sample.Groups["name"].Value;
        Require(_kindOf.TryGetValue(_family, out var kind), line, "a sample without TYPE");
        Require(Suffixes(kind!).Contains(name[Math.Min(_family.Length, name.Length)..]) && name.StartsWith(_family, StringComparison.Ordinal), line,
            "a sample of another family");
        var labels = sample.Groups["label"].Captures.Select(static label => label.Value).ToList();
        Require(labels.Distinct().Count() == labels.Count, line, "a label twice");
        Require(name.EndsWith("_bucket", StringComparison.Ordinal) == labels.Contains("le"), line, "le is for buckets");
        var text = sample.Groups["value"].Value;
        Require(double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value), line, "no number");
        Require(kind == "gauge" || value >= 0, line, "a count below 0");
        Require(_series.TryAdd(line[..^(text.Length + 1)], value), line, "a series twice");
    }

    private string[] Suffixes(string kind) => kind switch
    {
        "histogram" => ["_bucket", "_sum", "_count"],
        "counter" when _isOpenMetrics => ["_total"],
        _ => [""],
    };

    private void CheckHistograms()
    {
        foreach (var family in _kindOf.Where(static family => family.Value == "histogram").Select(static family => family.Key))
        {
            var buckets = _series.Where(pair => pair.Key.StartsWith(family + "_bucket{", StringComparison.Ordinal))
                .GroupBy(static pair => Bound().Replace(pair.Key, ""));
            foreach (var series in buckets)
            {
                var bounds = series.Select(pair => Bound().Match(pair.Key).Groups[1].Value).ToList();
                var counts = series.Select(static pair => pair.Value).ToList();
                var numbers = bounds.Select(static bound => bound == "+Inf" ? double.PositiveInfinity : double.Parse(bound, CultureInfo.InvariantCulture));
                var isOrdered = numbers.SequenceEqual(numbers.Order()) && counts.SequenceEqual(counts.Order());
                Require(bounds[^1] == "+Inf" && isOrdered, series.Key, "buckets in disorder");
                var rest = series.Key[(family.Length + "_bucket".Length)..].Replace(",}", "}", StringComparison.Ordinal)
                    .Replace("{}", "", StringComparison.Ordinal);
                Require(_series.GetValueOrDefault($"{family}_count{rest}", -1) == counts[^1], series.Key, "a count that is not the last bucket's");
                Require(_series.ContainsKey($"{family}_sum{rest}"), series.Key, "no sum");
            }
        }
    }

    private static void Require(bool holds, string line, string otherwise)
    {
        if (!holds)
            throw new FormatException($"{otherwise}: {new StringBuilder(line)}");
    }

    [GeneratedRegex(@"^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (?:[^\\\n]|\\[\\n""])+$")]
    private static partial Regex Help();

    [GeneratedRegex(@"^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) ([a-z]+)$")]
    private static partial Regex Kind();

    [GeneratedRegex(@"^# UNIT ([a-zA-Z_:][a-zA-Z0-9_:]*) ([a-z]+)$")]
    private static partial Regex Unit();

    [GeneratedRegex(@"^(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?<label>[a-zA-Z_][a-zA-Z0-9_]*)=""(?:[^\\""\n]|\\[\\n""])*""(?:,(?<label>[a-zA-Z_][a-zA-Z0-9_]*)="
        + @"""(?:[^\\""\n]|\\[\\n""])*"")*\})? (?<value>[0-9+.Ee-]+)$")]
    private static partial Regex Sample();

    [GeneratedRegex(@"(?<=[{,])le=""([^""]*)"",?")]
    private static partial Regex Bound();
}
