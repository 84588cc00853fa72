using System.Text.RegularExpressions;
using SmtpShield.Host.Import;
using SmtpShield.Options.Parameters;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Docs;

/// <summary>
/// A default stands once, in <see cref="ParameterDefaults"/>. Where people read it as well it is the same: in the options (ShieldConfigurationTests), on the
/// parameter's page (ParameterPagesTests), and here in the sample and in what an import knows.
/// </summary>
[TestFixture]
public sealed partial class DefaultTests
{
    private static readonly string s_sample = Repository.Read("deploy/smtpshield/main.cf");

    private static IEnumerable<TestCaseData> SaidToBeDefaults =>
        from paragraph in s_sample.Split("\n\n")
        where paragraph.Contains("These are the defaults", StringComparison.Ordinal)
        from assignment in Assignment().Matches(paragraph)
        select new TestCaseData(assignment.Groups["name"].Value, assignment.Groups["value"].Value);

    [TestCaseSource(nameof(SaidToBeDefaults))]
    public void Sample_LineThatIsSaidToBeADefault_IsIt(string name, string value) => Assert.That(value, Is.EqualTo(ParameterCatalog.All[name].DefaultText));

    [Test]
    public void Sample_NameInTheLog_IsSaidAsItIs() =>
        Assert.That(s_sample, Does.Contain($"The default is {ParameterDefaults.Options["syslog_name"]}.\n#syslog_name"));

    // What is the same needs no line of its own: it would have to be kept the same.
    [Test]
    public void PostfixDefaults_OfTheImport_AreOnlyThoseTheShieldHasOtherwise() =>
        Assert.That(PostfixDefaults.Values.Where(pair => ParameterCatalog.All.TryGetValue(pair.Key, out var own) && own.DefaultText == pair.Value), Is.Empty);

    [GeneratedRegex(@"(?m)^#(?<name>[a-z_]+) = (?<value>.*)$")]
    private static partial Regex Assignment();
}
