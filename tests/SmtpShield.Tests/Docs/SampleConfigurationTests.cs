using System.CommandLine;
using SmtpShield.Configuration;
using SmtpShield.Host.Commands;
using SmtpShield.Tests.Configuration;

namespace SmtpShield.Tests.Docs;

/// <summary>What people copy works.</summary>
[TestFixture]
public sealed class SampleConfigurationTests
{
    [Test]
    public void Check_SampleConfiguration_HasNothingToSay()
    {
        using var output = new StringWriter();
        var path = Repository.PathOf("deploy/smtpshield/main.cf");
        var status = CheckCommand.Create().Parse(["-c", path]).Invoke(new InvocationConfiguration { Output = output, Error = output });
        Assert.That((status, output.ToString().Split(Environment.NewLine)[^2]), Is.EqualTo((0, $"{path}: 0 errors, 1 warning, 0 notes")));
    }

    [Test]
    public void Check_SampleConfigurationWithoutComments_HasNoErrors()
    {
        var path = Path.GetTempFileName();
        try
        {
            var lines = File.ReadAllLines(Repository.PathOf("deploy/smtpshield/main.cf"));
            File.WriteAllLines(path, lines.Select(line => line.Length > 1 && line[0] == '#' && char.IsAsciiLetterLower(line[1]) ? line[1..] : line));
            Assert.That(ShieldConfiguration.Load(path, []).Problems.WithoutHandoff(), Is.Empty);
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
            File.WriteAllLines(path, page[page.IndexOf("   shield_services = ", StringComparison.Ordinal)..].Split("```")[0].Split('\n').Select(line => line.Trim()));
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
            Assert.That(ShieldConfiguration.Load(path, []).Problems.WithoutHandoff(), Is.Empty);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
