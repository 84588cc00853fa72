using System.Xml.Linq;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;

namespace SmtpShield.Tests.Docs;

/// <summary>What people build and install.</summary>
public sealed class DeploymentTests
{
    // Debian 12 has systemd 252, which takes notify-reload for an error and needs to be told how to reload.
    [Test]
    public void Unit_SystemdBefore253_ReloadsToo() =>
        Assert.That(Repository.Read("deploy/systemd/smtpshield.service").Split('\n'),
            Does.Contain("ExecReload=/bin/kill -HUP $MAINPID").And.Contain("Type=notify-reload"));

    // Analyzers are not in the program.
    [Test]
    public void Copyright_OfPackage_NamesEachLibrary() =>
        Assert.That(Repository.Read("deploy/debian/copyright").Split('\n').Where(static line => line.StartsWith("Files: ", StringComparison.Ordinal))
                .SelectMany(static line => line.Split(' ')),
            Is.SupersetOf(XDocument.Parse(Repository.Read("Directory.Packages.props")).Descendants("ItemGroup")
                .Single(static group => group.Attribute("Label")?.Value == "Program").Elements()
                .Select(static package => package.Attribute("Include")!.Value)
                .Where(static name => !name.EndsWith("Analyzers", StringComparison.Ordinal))));

    // Packages, images and releases read it off Directory.Build.props.
    [Test]
    public void Version_InWhatIsBuiltAndInstalled_IsWrittenOnce()
    {
        var version = XDocument.Parse(Repository.Read("Directory.Build.props")).Descendants("Version").Single().Value;

        Assert.That(
            Directory.EnumerateFiles(Repository.PathOf("deploy"), "*", SearchOption.AllDirectories)
                .Concat(Directory.EnumerateFiles(Repository.PathOf("src"), "*.csproj", SearchOption.AllDirectories))
                .Where(static file => !Path.GetRelativePath(Repository.Root, file).Split(Path.DirectorySeparatorChar).Contains("bin"))
                .Where(file => File.ReadAllText(file).Contains(version, StringComparison.Ordinal)),
            Is.Empty);
    }

    // NU1900: the feed of known vulnerabilities could not be asked.
    [Test, CancelAfter(60_000)]
    public async Task Build_WithoutANetwork_DoesNotFail(CancellationToken cancellationToken) => Assert.That(
        await OutsideProcess.RunSuccessfullyAsync("dotnet", ["msbuild", Repository.PathOf("src/SmtpShield.Host/SmtpShield.Host.csproj"),
            "-getProperty:WarningsNotAsErrors"], TimeSpan.FromSeconds(50), cancellationToken),
        Does.Contain("NU1900"));
}
