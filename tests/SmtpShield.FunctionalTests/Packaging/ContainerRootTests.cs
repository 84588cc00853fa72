using System.Globalization;
using System.Net;
using System.Runtime.Versioning;
using System.Text.Json;
using SmtpShield.FunctionalTests.Listening;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Packaging;

/// <summary>
/// The root of the container image, made by <c>deploy/container/root</c> of the program tests/run has compiled, and a shield in it as the image's user, the
/// first process, where nothing can be written but a volume.
/// </summary>
[Platform("Linux"), SupportedOSPlatform("linux"), Parallelizable(ParallelScope.Self), CancelAfter(120_000)]
public sealed class ContainerRootTests
{
    private const string Volume = "/run/smtpshield";

    // As with `docker run --read-only -v run:/run/smtpshield`.
    private const string Container = """
        mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && mount --bind "$1" "$0/run/smtpshield" && mount -t proc proc "$0/proc" || exit
        mount -t tmpfs tmpfs "$0/dev" && touch "$0/dev/urandom" && mount --bind /dev/urandom "$0/dev/urandom" || exit
        exec setpriv --no-new-privs chroot --userspec=65532:65532 "$0" /usr/bin/smtpshield run
        """;

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    private string _directory = "";

    private string Root => Path.Combine(_directory, "root");

    [OneTimeSetUp]
    public async Task MakeRootAsync()
    {
        if (ShieldProgram.PublishedPath is null)
            Assert.Ignore("There is no program compiled ahead of time: tests/run makes one, and names it in SMTPSHIELD_TEST_PROGRAM");
        if (!OutsideProcess.IsInstalled("dpkg-query"))
            Assert.Ignore("This is no Debian, whose files the image has");
        _directory = Directory.CreateTempSubdirectory("smtpshield-image-").FullName;
        await OutsideProcess.RunSuccessfullyAsync(Repository.PathOf("deploy/container/root"), [Root, "--program", ShieldProgram.PublishedPath],
            s_limit, CancellationToken.None);
    }

    [OneTimeTearDown]
    public void Delete()
    {
        if (_directory.Length > 0)
            Directory.Delete(_directory, recursive: true);
    }

    [Test]
    public void Root_Programs_AreTheShieldAndTheLoaderOfItsLibraries()
    {
        var programs = Directory.EnumerateFiles(Root, "*", SearchOption.AllDirectories)
            .Where(static file => File.GetUnixFileMode(file).HasFlag(UnixFileMode.OtherExecute)).Select(Path.GetFileName).ToList();

        Assert.That(programs, Does.Contain("smtpshield").And.Contain("libssl.so.3").And.Contain("libcrypto.so.3").And.Contain("libc.so.6"));
        Assert.That(programs.Where(static name => !name!.Contains(".so", StringComparison.Ordinal)), Is.EqualTo((string[])["smtpshield"]));
    }

    // By these a scanner knows of which release the libraries are.
    [Test]
    public void Root_Packages_AreKnownToScanners() =>
        Assert.That(Directory.GetFiles(Path.Combine(Root, "var/lib/dpkg/status.d")).Select(File.ReadAllText),
            Has.Some.Contain("\nVersion: ").And.StartsWith("Package: libssl3").And.Some.StartsWith("Package: libc6\n"));

    [Test]
    public async Task Run_AsTheImageDoes_ServesIsHealthyAndStops(CancellationToken cancellationToken)
    {
        if (!Environment.IsPrivilegedProcess
            || (await OutsideProcess.RunAsync("unshare", ["--mount", "--pid", "--fork", "true"], s_limit, cancellationToken)).ExitCode != 0)
            Assert.Ignore("Nothing may be mounted here");
        var volume = Path.Combine(_directory, "volume");
        await OutsideProcess.RunSuccessfullyAsync("install",
            ["-d", "-o", "65532", "-g", "65532", volume, Root + Volume, Root + "/var/lib/smtpshield"], s_limit, cancellationToken);
        await using var mta = AnsweringMta.Start();
        var endPoint = new IPEndPoint(IPAddress.Loopback, LoopbackPorts.Take());

        await using var container = OutsideProcess.Start("unshare", ["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", Container, Root, volume],
            environment: new Dictionary<string, string>
            {
                ["SMTPSHIELD_SHIELD_LISTEN"] = endPoint.ToString(),
                ["SMTPSHIELD_SHIELD_UPSTREAM"] = mta.EndPoint.ToString(),
                ["DOTNET_EnableDiagnostics"] = "0",
            });
        var socket = Path.Combine(volume, "control.sock");
        await Eventually.HoldsAsync(
            () => container.HasExited || (File.Exists(socket) && LoopbackPorts.IsListening(endPoint.Port)), s_limit, "the shield runs", cancellationToken);
        Assert.That(container.HasExited, Is.False, container.Output);
        await using var client = await RawSmtpClient.ConnectAsync(endPoint, IPAddress.Loopback, cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("220"));

        var first = int.Parse(File.ReadAllText($"/proc/{container.Id}/task/{container.Id}/children"), CultureInfo.InvariantCulture);
        var (status, output) = await OutsideProcess.RunAsync("nsenter",
            ["--target", $"{first}", "--mount", "--pid", "--root", "--wd", "--setgid", "65532", "--setuid", "65532", .. HealthCheck()],
            s_limit, cancellationToken);
        await client.CommandAsync("QUIT", cancellationToken);
        OutsideProcess.Signal(first, OutsideProcess.Terminate);
        await container.WaitForExitAsync(s_limit, cancellationToken);

        Assert.That((status, output), Is.EqualTo((0, output)));
        Assert.That(output, Does.StartWith("SmtpShield "));
        Assert.That(container.ExitCode, Is.Zero, container.Output);
        Assert.That(container.Output, Does.Contain("smtpshield/master[1]: ").And.Contain("the file system is read-only"));
    }

    private static string[] HealthCheck()
    {
        var line = Repository.Read("deploy/container/Containerfile").Split('\n')
            .Single(static line => line.StartsWith("HEALTHCHECK ", StringComparison.Ordinal));
        return JsonSerializer.Deserialize<string[]>(line[line.IndexOf('[', StringComparison.Ordinal)..])!;
    }
}
