using System.CommandLine;
using System.Text.RegularExpressions;
using SmtpShield.Host.Commands;
using SmtpShield.Options;
using SmtpShield.PostfixConf.MainCf;
using SmtpShield.PostfixConf.MasterCf;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Docs;

/// <summary>What people copy works.</summary>
[TestFixture]
public sealed partial class SampleConfigurationTests
{
    private static MasterCfEntry Fragment => MasterCfFile.Parse(FragmentText, "master.cf").Entries.Single();

    private static string FragmentText => Repository.Read("deploy/postfix/master.cf");

    [Test]
    public void Check_SampleConfiguration_HasNothingToSay()
    {
        using var output = new StringWriter();
        var path = Repository.PathOf("deploy/smtpshield/main.cf");
        var status = CheckCommand.Create().Parse(["-c", path]).Invoke(new InvocationConfiguration { Output = output, Error = output });
        Assert.That((status, output.ToString().Split(Environment.NewLine)[^3]), Is.EqualTo((0, $"{path}: 0 errors, 0 warnings, 0 notes")));
    }

    [Test]
    public void Check_SampleConfigurationWithoutComments_HasNoErrors()
    {
        var path = Path.GetTempFileName();
        try
        {
            var lines = File.ReadAllLines(Repository.PathOf("deploy/smtpshield/main.cf"));
            File.WriteAllLines(path, lines.Select(line => line.Length > 1 && line[0] == '#' && char.IsAsciiLetterLower(line[1]) ? line[1..] : line));
            Assert.That(ShieldConfiguration.Load(path, []).Problems, Is.Empty);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Test]
    public void Check_ConfigurationOfSeveralServices_HasNothingToSay()
    {
        var path = Path.GetTempFileName();
        try
        {
            var page = Repository.Read("docs/tasks/several-services.md");
            File.WriteAllLines(path, page[page.IndexOf("   shield_services = ", StringComparison.Ordinal)..].Split("```")[0].Split('\n')
                .Select(line => line.Trim()));
            Assert.That(ShieldConfiguration.Load(path, []).Problems, Is.Empty);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Test]
    public void Check_ConfigurationInReadme_HasNothingToSay()
    {
        var path = Path.GetTempFileName();
        try
        {
            var readme = Repository.Read("README.md");
            File.WriteAllText(path, readme[readme.IndexOf("shield_listen = ", StringComparison.Ordinal)..].Split("```")[0]);
            Assert.That(ShieldConfiguration.Load(path, []).Problems, Is.Empty);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Test]
    public void Fragment_OfPostfix_FitsTheSampleConfiguration()
    {
        var sample = MainCfFile.Read(Repository.PathOf("deploy/smtpshield/main.cf")).Entries;
        Assert.That(Fragment.Service, Is.EqualTo(sample["shield_upstream"].Value));
        Assert.That(int.Parse(Fragment.ProcessLimit, null), Is.GreaterThanOrEqualTo(int.Parse(sample["default_process_limit"].Value, null)));
    }

    [Test]
    public void Fragment_OfPostfix_IsWhatAnImportMakes()
    {
        var commands = Repository.Read("tests/SmtpShield.Tests/Host/Postfix/debian/expected.txt");
        Assert.That(Overrides(Fragment), Is.EqualTo(ImportedOverride().Matches(commands).Select(match => match.Groups["assignment"].Value)));
    }

    [TestCase("docs/tasks/put-it-before-postfix.md")]
    [TestCase("docs/tasks/postfix-with-proxy.md")]
    public void Entry_OfPage_IsTheFragment(string page) => Assert.That(Overrides(EntryOf(page)), Is.EqualTo(Overrides(Fragment)));

    // By XCLIENT instead of the header; all else is needed as well.
    [Test]
    public void Entry_OfXclientPage_HasTheRestOfTheFragment() => Assert.That(
        Overrides(EntryOf("docs/tasks/postfix-with-xclient.md")),
        Is.SupersetOf(Overrides(Fragment).Where(item => item != "smtpd_upstream_proxy_protocol=haproxy"))
            .And.Contains("smtpd_authorized_xclient_hosts=127.0.0.1"));

    // The README has what does not work without.
    [Test]
    public void Entry_OfReadme_IsPartOfTheFragment() =>
        Assert.That(Overrides(EntryOf("README.md")), Is.SubsetOf(Overrides(Fragment)).And.Contains("smtpd_upstream_proxy_protocol=haproxy"));

    [Test]
    public void CertificateLines_OfPage_AreThoseOfTheFragment()
    {
        var expected = CommentedOverride().Matches(FragmentText).Select(match => match.Value[1..].Trim()).ToList();
        var page = Repository.Read("docs/tasks/put-it-before-postfix.md");
        var block = page[page.IndexOf("   -o smtpd_tls_security_level=none", StringComparison.Ordinal)..].Split("```")[0];
        Assert.That(block.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries), Is.EqualTo(expected).And.Not.Empty);
    }

    private static IEnumerable<string> Overrides(MasterCfEntry entry) => entry.Overrides.Select(item => $"{item.Name}={item.Value}");

    private static MasterCfEntry EntryOf(string page)
    {
        var text = Repository.Read(page);
        var block = text[text.IndexOf("127.0.0.1:10025 inet", StringComparison.Ordinal)..].Split("```")[0];
        return MasterCfFile.Parse(block.TrimEnd(), page).Entries.Single();
    }

    [GeneratedRegex(@"(?m)^#\$ ' -o (?<assignment>[^']+)'")]
    private static partial Regex ImportedOverride();

    [GeneratedRegex("(?m)^# +-o .*$")]
    private static partial Regex CommentedOverride();
}
