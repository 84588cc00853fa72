using System.Text.Json;
using System.Text.RegularExpressions;
using SmtpShield.Metrics;
using SmtpShield.Observe;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Docs;

/// <summary>
/// Every metric has its section in docs/reference/metrics.md, and the page has no others; what dashboard and alerts ask for exists; the dashboard shows all.
/// </summary>
[TestFixture, Property("Operations", "OPS-38")]
internal sealed partial class MetricsPageTests
{
    private static readonly string s_page = Repository.Read("docs/reference/metrics.md");
    private static readonly string s_dashboard = Repository.Read("deploy/dashboards/smtpshield.json");
    private static readonly string s_alerts = Repository.Read("deploy/alerts/smtpshield.yml");

    private static IEnumerable<MetricDefinition> Metrics => MetricCatalog.All;

    // What a name in an expression may be: a histogram has three.
    private static IEnumerable<string> Names => Metrics.SelectMany(static metric => metric.Kind == MetricKind.Histogram
        ? [$"{metric.Name}_bucket", $"{metric.Name}_sum", $"{metric.Name}_count"]
        : (string[])[metric.Name]);

    [TestCaseSource(nameof(Metrics))]
    public void Page_HasTheMetricWithItsKindAndLabels(MetricDefinition metric)
    {
        var labels = metric.Labels.Length == 0 ? "none" : string.Join(", ", metric.Labels.Select(static label => $"`{label}`"));
        var row = $"| `{metric.Name}` | {metric.Kind.ToString().ToLowerInvariant()} | {labels} |";
        Assert.That(s_page.Split('\n').Count(line => line.StartsWith(row, StringComparison.Ordinal)), Is.EqualTo(1), row);
    }

    [Test]
    public void Page_HasNoOtherMetrics() =>
        Assert.That(Row().Matches(s_page).Select(static match => match.Groups[1].Value), Is.EqualTo(Metrics.Select(static metric => metric.Name)));

    [Test]
    public void Page_HasAllReasonsOfAnEnd_AndNoOthers() => Assert.That(
        Regex.Matches(s_page[s_page.IndexOf("| `reason` |", StringComparison.Ordinal)..s_page.IndexOf("## Health", StringComparison.Ordinal)],
            "(?m)^\\| `([a-z_]+)` \\| [^|]").Select(static match => match.Groups[1].Value),
        Is.EquivalentTo(Words.Of<SessionEndReason>().Except(["none", "start_tls"])));

    [TestCaseSource(nameof(Metrics))]
    public void Dashboard_ShowsTheMetric(MetricDefinition metric) => Assert.That(s_dashboard, Does.Contain(metric.Name));

    [TestCase("deploy/dashboards/smtpshield.json")]
    [TestCase("deploy/alerts/smtpshield.yml")]
    public void File_AsksForMetrics_ThatExist(string path) =>
        Assert.That(Name().Matches(Repository.Read(path)).Select(static match => match.Value).Distinct().Except(Names), Is.Empty);

    [Test]
    public void Dashboard_IsJsonWithPanelsThatDoNotOverlap()
    {
        using var dashboard = JsonDocument.Parse(s_dashboard);
        var places = dashboard.RootElement.GetProperty("panels").EnumerateArray().Select(static panel => panel.GetProperty("gridPos"))
            .Select(static place => (X: Of(place, "x"), Y: Of(place, "y"), W: Of(place, "w"), H: Of(place, "h"))).ToList();
        Assert.That(
            from one in places.Index()
            from other in places.Skip(one.Index + 1)
            where one.Item.X < other.X + other.W && other.X < one.Item.X + one.Item.W && one.Item.Y < other.Y + other.H && other.Y < one.Item.Y + one.Item.H
            select (one.Item, other),
            Is.Empty);
        Assert.That(places.Select(static place => place.X + place.W).Max(), Is.EqualTo(24));

        static int Of(JsonElement place, string name) => place.GetProperty(name).GetInt32();
    }

    [Test]
    public void Alerts_EachName_ATaskPage()
    {
        var pages = Page().Matches(s_alerts).Select(static match => match.Groups[1].Value).ToList();
        Assert.That(pages, Has.Count.EqualTo(Regex.Count(s_alerts, "- alert: ")));
        Assert.That(pages.Where(static page => !File.Exists(Repository.PathOf($"docs/tasks/{page}"))), Is.Empty);
    }

    [GeneratedRegex(@"(?m)^\| `([a-z_]+)` \| (?:counter|gauge|histogram) \|")]
    private static partial Regex Row();

    // Names of what "by" groups and of files are none.
    [GeneratedRegex(@"\b(?:smtpshield|process|dotnet)_[a-z_]+\b")]
    private static partial Regex Name();

    [GeneratedRegex(@"(?m)^ +page: (\S+)$")]
    private static partial Regex Page();
}
