using System.Text.RegularExpressions;
using SmtpShield.Observe;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Observe;

public partial class ProcessNameTests
{
    [TestCase("SmtpShield.Transport.SocketListener", 1900, "master")]
    [TestCase("SmtpShield.Listening.ProcessLimit", 1000, "master")]
    [TestCase("SmtpShield.Limits.AnvilTable", 1310, "anvil")]
    [TestCase("SmtpShield.Session.SmtpSession", 1400, "smtpd")]
    [TestCase("SmtpShield.Host.StartReport", 1706, "master")]
    [TestCase("SmtpShield.Options.ShieldConfigurationWatcher", 1703, "master")]
    [TestCase("SmtpShield", 1500, "smtpd")]
    [TestCase("SmtpShield", 0, "smtpd")]
    [TestCase("SmtpShield.LimitsOfAnother", 1200, "smtpd")]
    [TestCase("SmtpShieldElse.Limits", 1300, "master")]
    [TestCase("Microsoft.AspNetCore.Server.Kestrel", 1, "master")]
    [TestCase("Microsoft.AspNetCore.Server.Kestrel", 1400, "master")]
    [TestCase("Polly", 3, "master")]
    [TestCase("Yarp.ReverseProxy.Health", 1200, "master")]
    public void Of_CategoryAndId_IsTheProcess(string category, int id, string expected) => Assert.That(ProcessName.Of(category, id), Is.EqualTo(expected));

    // What fail2ban sees does not change when a class moves.
    [TestCase("SmtpShield.Session.RecordSession#submission")]
    [TestCase("SmtpShield.Session.Elsewhere.RecordSession")]
    [TestCase("SmtpShield.Limits.RecordSession")]
    [TestCase("SmtpShield.Listening.RecordSession")]
    public void Of_EventInAnyFolder_IsThatOfItsId(string category) =>
        Assert.That((ProcessName.Of(category, 1400), ProcessName.Of(category, 1300), ProcessName.Of(category, 1000)), Is.EqualTo(("smtpd", "anvil", "master")));

    // The page has every event (LogLinePageTests), so this is each event with its process.
    private static IEnumerable<(int Id, string Process)> OnPage
    {
        get
        {
            var process = "";
            foreach (var line in File.ReadAllLines(Repository.PathOf("docs/reference/log-lines.md")))
            {
                if (Heading().Match(line) is { Success: true } heading)
                    process = heading.Groups["process"].Value;
                else if (Row().Match(line) is { Success: true } row)
                    yield return (int.Parse(row.Groups["id"].Value, System.Globalization.CultureInfo.InvariantCulture), process);
            }
        }
    }

    private static IEnumerable<TestCaseData> EventsOnPage => OnPage.Select(e => new TestCaseData(e.Id, e.Process));

    [TestCaseSource(nameof(EventsOnPage))]
    public void Of_EachEvent_IsWhatThePageSays(int id, string process) => Assert.That(ProcessName.Of("SmtpShield.Anywhere", id), Is.EqualTo(process));

    [GeneratedRegex(@"^## .+ \(`(?<process>\w+)`\)$")]
    private static partial Regex Heading();

    [GeneratedRegex(@"^\| (?<id>\d+) \|")]
    private static partial Regex Row();
}
