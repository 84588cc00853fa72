using System.Net;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using SmtpShield.FunctionalTests.Listening;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Packaging;

/// <summary>
/// The package <c>deploy/debian/build</c> makes of the program tests/run has compiled: what is in it, and what becomes of a Debian where it is installed,
/// upgraded, removed and purged. It is not compressed here, which is most of the time it takes.
/// </summary>
[Platform("Linux"), SupportedOSPlatform("linux"), Parallelizable(ParallelScope.Self), CancelAfter(120_000)]
public sealed partial class DebianPackageTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    private string _directory = "";
    private string _package = "";

    private static string Version => VersionElement().Match(Repository.Read("Directory.Build.props")).Groups[1].Value;

    [OneTimeSetUp]
    public async Task BuildAsync()
    {
        if (ShieldProgram.PublishedPath is null)
            Assert.Ignore("There is no program compiled ahead of time: tests/run makes one, and names it in SMTPSHIELD_TEST_PROGRAM");
        if (!OutsideProcess.IsInstalled("dpkg-deb"))
            Assert.Ignore("dpkg-deb is not installed");
        _directory = Directory.CreateTempSubdirectory("smtpshield-package-").FullName;
        _package = await BuildAsync("first", CancellationToken.None);
    }

    [OneTimeTearDown]
    public void Delete()
    {
        if (_directory.Length > 0)
            Directory.Delete(_directory, recursive: true);
    }

    [Test]
    public async Task Build_ASecondTime_GivesTheSameOctets(CancellationToken cancellationToken) =>
        Assert.That(await SumAsync(await BuildAsync("second", cancellationToken), cancellationToken), Is.EqualTo(await SumAsync(_package, cancellationToken)));

    [Test, Explicit("tests/run does not install lintian, which is 126 packages; and it wants the package compressed, which takes a quarter of a minute")]
    public async Task Package_ToLintian_IsWithoutFault(CancellationToken cancellationToken) =>
        Assert.That(
            await OutsideProcess.RunSuccessfullyAsync(
                "lintian", ["--profile", "debian", "--allow-root", await BuildAsync("compressed", cancellationToken, "xz")], s_limit, cancellationToken),
            Is.Empty);

    [TestCase("armhf", "armhf is none of amd64, arm64")]
    [TestCase(null, "is not compiled for")]
    public async Task Build_ForWhatItCannot_SaysSo(string? architecture, string expected, CancellationToken cancellationToken)
    {
        var other = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? "arm64" : "amd64";
        var (status, output) = await OutsideProcess.RunAsync(Repository.PathOf("deploy/debian/build"),
            [architecture ?? other, "--program", ShieldProgram.PublishedPath!, "--output", _directory], s_limit, cancellationToken);

        Assert.That((status, output), Is.EqualTo((1, output)));
        Assert.That(output, Does.StartWith("deploy/debian/build: ").And.Contain(expected));
    }

    [Test]
    public async Task Package_Files_AreWhereDebianPutsThem(CancellationToken cancellationToken)
    {
        var lines = (await OutsideProcess.RunSuccessfullyAsync("dpkg-deb", ["--contents", _package], s_limit, cancellationToken)).Split('\n');

        Assert.That(lines.Where(static line => line.StartsWith('-')).Select(static line => $"{line[..10]} {Owner().Match(line).Value} {line.Split(" .")[^1]}"),
            Is.EquivalentTo((string[])[
                "-rw-r--r-- root/root /etc/logrotate.d/smtpshield",
                "-rw-r--r-- root/root /etc/smtpshield/main.cf",
                "-rwxr-xr-x root/root /usr/bin/smtpshield",
                "-rwxr-xr-x root/root /usr/lib/smtpshield/smtpshield-tproxy",
                "-rw-r--r-- root/root /usr/lib/systemd/system/smtpshield-firewall.service",
                "-rw-r--r-- root/root /usr/lib/systemd/system/smtpshield-tproxy.service",
                "-rw-r--r-- root/root /usr/lib/systemd/system/smtpshield.service",
                "-rw-r--r-- root/root /usr/lib/systemd/system/smtpshield.service.d/native.conf",
                "-rw-r--r-- root/root /usr/lib/systemd/system/smtpshield.socket",
                "-rw-r--r-- root/root /usr/lib/sysusers.d/smtpshield.conf",
                "-rw-r--r-- root/root /usr/share/bash-completion/completions/smtpshield",
                "-rw-r--r-- root/root /usr/share/doc/smtpshield/ThirdPartyNotices.txt.gz",
                "-rw-r--r-- root/root /usr/share/doc/smtpshield/changelog.Debian.gz",
                "-rw-r--r-- root/root /usr/share/doc/smtpshield/copyright",
                "-rw-r--r-- root/root /usr/share/doc/smtpshield/examples/alerts/smtpshield.yml",
                "-rw-r--r-- root/root /usr/share/doc/smtpshield/examples/dashboards/smtpshield.json",
                "-rw-r--r-- root/root /usr/share/doc/smtpshield/examples/postfix/README.md",
                "-rw-r--r-- root/root /usr/share/doc/smtpshield/examples/postfix/main.cf",
                "-rw-r--r-- root/root /usr/share/doc/smtpshield/examples/postfix/master.cf",
                "-rw-r--r-- root/root /usr/share/doc/smtpshield/examples/transparent/tproxy.conf",
                "-rw-r--r-- root/root /usr/share/doc/smtpshield/examples/transparent/transparent.conf",
                "-rw-r--r-- root/root /usr/share/fish/vendor_completions.d/smtpshield.fish",
                "-rw-r--r-- root/root /usr/share/lintian/overrides/smtpshield",
                "-rw-r--r-- root/root /usr/share/man/man1/smtpshield.1.gz",
                "-rw-r--r-- root/root /usr/share/man/man5/smtpshield.cf.5.gz",
                "-rw-r--r-- root/root /usr/share/zsh/vendor-completions/_smtpshield",
            ]));
    }

    [TestCase("/usr/share/man/man1/smtpshield.1.gz", ".TH SMTPSHIELD 1 ", "explain")]
    [TestCase("/usr/share/man/man5/smtpshield.cf.5.gz", ".TH SMTPSHIELD.CF 5 ", "shield_listen")]
    [TestCase("/usr/share/bash-completion/completions/smtpshield", "complete -F _smtpshield ", "explain")]
    [TestCase("/usr/share/zsh/vendor-completions/_smtpshield", "#compdef smtpshield", "explain")]
    [TestCase("/usr/share/fish/vendor_completions.d/smtpshield.fish", "complete -c smtpshield", "explain")]
    [TestCase("/usr/share/doc/smtpshield/copyright", "License: Expat", "OpenTelemetry.Exporter.OpenTelemetryProtocol")]
    [TestCase("/usr/share/doc/smtpshield/ThirdPartyNotices.txt.gz", "License notice for", "Brotli")]
    public async Task Package_File_HasInIt(string path, string first, string second, CancellationToken cancellationToken) =>
        Assert.That(await ReadAsync(path, cancellationToken), Does.Contain(first).And.Contain(second));

    [Test]
    public async Task Package_Changelog_IsWhatChangedLast(CancellationToken cancellationToken)
    {
        var lines = (await ReadAsync("/usr/share/doc/smtpshield/changelog.Debian.gz", cancellationToken)).TrimEnd('\n').Split('\n');

        Assert.That(lines[0], Is.EqualTo($"smtpshield ({Version}-1) unstable; urgency=medium"));
        Assert.That(lines[^1], Does.Match(@"^ -- [^<]+ <\S+@\S+>  \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000$"));
        Assert.That(lines[2..^2], Has.Length.GreaterThan(1).And.All.Match("^  (\\* |  )\\S.{0,75}$"));
        Assert.That(lines[2..^2], Has.None.Contain("]("));
        Assert.That(string.Join(' ', lines), Does.Not.Contain("(0.7"));
    }

    [Test]
    public async Task Install_OnAFreshDebian_RunsAndStartsNothing(CancellationToken cancellationToken)
    {
        using var root = await MakeRootAsync(cancellationToken);

        var output = await InstallAsync(root, _package, cancellationToken);

        Assert.That(output, Does.Contain("smtpshield check && systemctl enable --now smtpshield"));
        Assert.That(root.TakeSystemctlCalls(), Is.EqualTo((string[])["--system daemon-reload"]));
        Assert.That(root.PathsWith("multi-user.target.wants/smtpshield"), Is.Empty);
        Assert.That(await root.RunSuccessfullyAsync(cancellationToken, "dpkg", "--verify", "smtpshield"), Is.Empty);
        Assert.That(await root.RunSuccessfullyAsync(cancellationToken, "smtpshield", "--version"), Does.StartWith(Version));
        // As in docs/tasks/run-under-systemd.md, by the user the package made.
        Assert.That(
            await root.RunSuccessfullyAsync(
                cancellationToken, "setpriv", "--reuid", "smtpshield", "--regid", "smtpshield", "--init-groups", "smtpshield", "check"),
            Is.EqualTo("/etc/smtpshield/main.cf: 0 errors, 0 warnings, 0 notes\nnext: smtpshield rehearse\n"));
        // It takes OpenSSL to make one.
        Assert.That(await root.RunSuccessfullyAsync(cancellationToken, "smtpshield", "token", "alice", "--role", "view", "--for", "1d"),
            Does.Contain("alice view token "));
    }

    [Test]
    public async Task Upgrade_OfAShieldThatRuns_KeepsItsConfigurationAndSessions(CancellationToken cancellationToken)
    {
        if ((await OutsideProcess.RunAsync("unshare", ["--mount", "true"], s_limit, cancellationToken)).ExitCode != 0)
            Assert.Ignore("Nothing may be mounted here");
        using var root = await MakeRootAsync(cancellationToken);
        await InstallAsync(root, _package, cancellationToken);
        var link = Enable(root);
        await using var mta = AnsweringMta.Start();
        var endPoint = new IPEndPoint(IPAddress.Loopback, LoopbackPorts.Take());
        var configuration = $"shield_listen = {endPoint}\nshield_upstream = {mta.EndPoint}\nshield_control_socket =\nshield_state_directory =\n";
        File.WriteAllText(root.PathOf("/etc/smtpshield/main.cf"), configuration);
        await using var shield = root.Start("smtpshield", "run");
        await Eventually.HoldsAsync(
            () => shield.HasExited || LoopbackPorts.AreListening([endPoint], shield.Id), s_limit, "the shield listens", cancellationToken);
        Assert.That(shield.HasExited, Is.False, shield.Output);
        await using var client = await RawSmtpClient.ConnectAsync(endPoint, IPAddress.Loopback, cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("220"));
        root.TakeSystemctlCalls();

        var output = await InstallAsync(root, await NextVersionAsync(cancellationToken), cancellationToken);

        Assert.That(output, Does.Contain($"smtpshield {Version}-1 goes on running").And.Contain(": smtpshield check && "));
        Assert.That(root.TakeSystemctlCalls(), Is.EqualTo((string[])["--system daemon-reload", "--quiet is-active smtpshield.service"]));
        Assert.That(File.ReadAllText(root.PathOf("/etc/smtpshield/main.cf")), Is.EqualTo(configuration));
        Assert.That(new FileInfo(link).LinkTarget, Is.Not.Null);
        Assert.That(await client.CommandAsync("EHLO client.example", cancellationToken), Does.StartWith("250"));
    }

    [Test]
    public async Task Remove_AndPurge_KeepConfigurationAndThenNothing(CancellationToken cancellationToken)
    {
        using var root = await MakeRootAsync(cancellationToken);
        await InstallAsync(root, _package, cancellationToken);
        Enable(root);
        // The unit's directories.
        foreach (var directory in (string[])["/var/lib", "/var/log", "/var/cache"])
        {
            Directory.CreateDirectory(root.PathOf(directory + "/smtpshield"));
            File.WriteAllText(root.PathOf(directory + "/smtpshield/file"), "");
        }

        root.TakeSystemctlCalls();
        await root.RunSuccessfullyAsync(cancellationToken, "dpkg", "--remove", "smtpshield");
        var calls = root.TakeSystemctlCalls();
        var kept = root.PathsWith("smtpshield").Where(static path => File.Exists(path) || !Directory.Exists(path)).ToList();
        await root.RunSuccessfullyAsync(cancellationToken, "dpkg", "--purge", "smtpshield");

        Assert.That(calls, Has.Some.Match("stop .*smtpshield.service"));
        Assert.That(kept, Does.Contain("/etc/smtpshield/main.cf").And.Contain("/var/lib/smtpshield/file").And.Not.Contain("/usr/bin/smtpshield"));
        Assert.That(root.PathsWith("smtpshield"), Is.Empty);
    }

    private static async Task<string> SumAsync(string file, CancellationToken cancellationToken)
    {
        await using var stream = File.OpenRead(file);
        return Convert.ToHexString(await SHA256.HashDataAsync(stream, cancellationToken));
    }

    // As systemctl does.
    private static string Enable(DebianRoot root)
    {
        var link = root.PathOf("/etc/systemd/system/multi-user.target.wants/smtpshield.service");
        Directory.CreateDirectory(Path.GetDirectoryName(link)!);
        File.CreateSymbolicLink(link, "/usr/lib/systemd/system/smtpshield.service");
        return link;
    }

    private static async Task<string> InstallAsync(DebianRoot root, string package, CancellationToken cancellationToken)
    {
        var inside = "/tmp/" + Path.GetFileName(Path.GetDirectoryName(package));
        File.Copy(package, root.PathOf(inside));
        return await root.RunSuccessfullyAsync(cancellationToken, "dpkg", "--force-unsafe-io", "--install", inside);
    }

    private async Task<DebianRoot> MakeRootAsync(CancellationToken cancellationToken)
    {
        if (!Environment.IsPrivilegedProcess)
            Assert.Ignore("Only root may install packages");
        if (!OutsideProcess.IsInstalled("systemd-sysusers"))
            Assert.Ignore("systemd-sysusers is not installed, which the package needs");
        return await DebianRoot.MakeAsync(
            await OutsideProcess.RunSuccessfullyAsync("dpkg-deb", ["--field", _package, "Depends"], s_limit, cancellationToken), cancellationToken);
    }

    private async Task<string> BuildAsync(string name, CancellationToken cancellationToken, string compressor = "none") =>
        (await OutsideProcess.RunSuccessfullyAsync("env",
            [
                $"DPKG_DEB_COMPRESSOR_TYPE={compressor}", Repository.PathOf("deploy/debian/build"), "--program", ShieldProgram.PublishedPath!,
                "--output", Path.Combine(_directory, name),
            ],
            s_limit, cancellationToken)).Split('\n').Single(static line => line.EndsWith(".deb", StringComparison.Ordinal));

    // The same with the next version's number.
    private async Task<string> NextVersionAsync(CancellationToken cancellationToken)
    {
        var package = Path.Combine(_directory, "next", "smtpshield.deb");
        await OutsideProcess.RunSuccessfullyAsync("sh",
            [
                "-ec",
                """
                dpkg-deb --raw-extract "$0" "$1/tree"
                sed -i 's/^Version: .*/Version: 1000000-1/' "$1/tree/DEBIAN/control"
                dpkg-deb -Znone --root-owner-group --build "$1/tree" "$1/smtpshield.deb"
                """,
                _package, Directory.CreateDirectory(Path.GetDirectoryName(package)!).FullName,
            ],
            s_limit, cancellationToken);
        return package;
    }

    private Task<string> ReadAsync(string path, CancellationToken cancellationToken) => OutsideProcess.RunSuccessfullyAsync("sh",
        ["-ec", "dpkg-deb --fsys-tarfile \"$0\" | tar --extract --to-stdout \".$1\" | case $1 in *.gz) gzip -dc ;; *) cat ;; esac", _package, path],
        s_limit, cancellationToken);

    [GeneratedRegex("<Version>(.*)</Version>")]
    private static partial Regex VersionElement();

    [GeneratedRegex(@"\w+/\w+")]
    private static partial Regex Owner();
}
