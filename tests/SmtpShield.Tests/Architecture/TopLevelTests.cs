using SmtpShield.Testing;

namespace SmtpShield.Tests.Architecture;

/// <summary>What stands at the top level: what is somewhere is looked for there.</summary>
public class TopLevelTests
{
    private static readonly string[] _all =
        ["Directory.Build.props", "Directory.Packages.props", "LICENSE", "README.ja.md", "README.md", "SmtpShield.sln", "deploy", "docs", "src", "tests"];

    [Test]
    public void Entries_OfTheTopLevel_AreThese() => Assert.That(
        Directory.GetFileSystemEntries(Repository.Root).Select(Path.GetFileName).Where(static name => !name!.StartsWith('.')), Is.EquivalentTo(_all));
}
