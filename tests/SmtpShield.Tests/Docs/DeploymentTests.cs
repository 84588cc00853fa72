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

    // NU1900: the feed of known vulnerabilities could not be asked.
    [Test, CancelAfter(60_000)]
    public async Task Build_WithoutANetwork_DoesNotFail(CancellationToken cancellationToken) => Assert.That(
        await OutsideProcess.RunSuccessfullyAsync("dotnet", ["msbuild", Repository.PathOf("src/SmtpShield.Host/SmtpShield.Host.csproj"),
            "-getProperty:WarningsNotAsErrors"], TimeSpan.FromSeconds(50), cancellationToken),
        Does.Contain("NU1900"));
}
