using System.CommandLine;
using System.Text.RegularExpressions;
using SmtpShield.Host.Commands;
using SmtpShield.Options;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Docs;

/// <summary>What the pages show of the program's output is what it prints.</summary>
public sealed partial class SampleOutputTests
{
    private static IEnumerable<string> Pages => Directory.GetFiles(Repository.PathOf("docs"), "*.md", SearchOption.AllDirectories)
        .Concat(Directory.GetFiles(Repository.Root, "*.md"))
        .Where(path => !path.EndsWith("CHANGELOG.md", StringComparison.Ordinal) && !path.Contains("/decisions/", StringComparison.Ordinal));

    [Test]
    public void Samples_OfThePages_ShowTheProgramsVersion()
    {
        var shown = Pages.SelectMany(path => ShownVersion().Matches(File.ReadAllText(path))
            .Select(match => (Path: Path.GetFileName(path), Version: match.Groups["version"].Value))).ToList();

        Assert.That(shown, Is.Not.Empty);
        Assert.That(shown.Where(sample => sample.Version != ShieldConfigurationWatcher.Version), Is.Empty,
            $"the program is version {ShieldConfigurationWatcher.Version}");
    }

    // The lines that the block of the page says something about.
    [Test]
    public void Sample_OfCheck_IsWhatItPrints() => Assert.That(
        OutputOfCheck("# A configuration with mistakes.\nsmtpd_timout = 5\nrelayhost = x\nsmtpd_soft_error_limit = 0\nshield_client_handoff = "
            + "proxy-v2\nshield_upstream = 127.0.0.1:25\n", "bad.cf"),
        Is.EqualTo(BlockOf("docs/reference/commands.md", "$ smtpshield check -c bad.cf\n")));

    // Some MTAs and anti-spam rules refuse what is no host name, as that of many a workstation.
    [Test]
    public void Swaks_OfThePages_SaysEhloAsSomebody() =>
        Assert.That(Pages.SelectMany(File.ReadLines)
            .Where(line => line.Contains("swaks --", StringComparison.Ordinal) && !line.Contains("--ehlo ", StringComparison.Ordinal)), Is.Empty);

    private static string OutputOfCheck(string text, string name)
    {
        var directory = Directory.CreateTempSubdirectory("smtpshield-sample-");
        try
        {
            var path = Path.Combine(directory.FullName, name);
            File.WriteAllText(path, text);
            using var output = new StringWriter();
            CheckCommand.Create().Parse(["-c", path]).Invoke(new InvocationConfiguration { Output = output, Error = output });
            return output.ToString().Replace(path, name, StringComparison.Ordinal);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static string BlockOf(string page, string command)
    {
        var text = Repository.Read(page);
        return text[(text.IndexOf(command, StringComparison.Ordinal) + command.Length)..].Split("```")[0];
    }

    [GeneratedRegex(@"(-- version|Version|smtpshield --version\n) ?(?<version>[0-9]+\.[0-9]+\.[0-9]+)", RegexOptions.ExplicitCapture)]
    private static partial Regex ShownVersion();
}
