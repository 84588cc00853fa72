using SmtpShield.Observe;
using SmtpShield.Options;
using SmtpShield.PostfixConf.Files;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Tls;
using SmtpShield.Tls;

namespace SmtpShield.Tests.Options;

/// <summary>Where the configuration names a file there may be something else. Nobody waits for it: not a start, not a reload, not the log.</summary>
[TestFixture, Platform("Linux"), CancelAfter(30_000)]
public sealed class FilesThatAreNoneTests
{
    private string _directory = "";
    private string _path = "";

    [SetUp]
    public void MakeDirectory()
    {
        _directory = Directory.CreateTempSubdirectory("smtpshield-none-").FullName;
        _path = Path.Combine(_directory, "main.cf");
    }

    [TearDown]
    public void RemoveDirectory() => Directory.Delete(_directory, recursive: true);

    private async Task<(string Path, string Why)> MakeAsync(string kind, CancellationToken cancellationToken)
    {
        var path = Path.Combine(_directory, "thing");
        switch (kind)
        {
            case "pipe":
                await OutsideProcess.RunSuccessfullyAsync("mkfifo", [path], TimeSpan.FromSeconds(5), cancellationToken);
                return (path, "Is a named pipe, not a regular file");
            case "link to a pipe":
                await OutsideProcess.RunSuccessfullyAsync("mkfifo", [path + ".pipe"], TimeSpan.FromSeconds(5), cancellationToken);
                File.CreateSymbolicLink(path, path + ".pipe");
                return (path, "Is a named pipe, not a regular file");
            case "directory":
                Directory.CreateDirectory(path);
                return (path, "Is a directory");
            case "socket":
                await OutsideProcess.RunSuccessfullyAsync("python3", ["-c", "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])", path],
                    TimeSpan.FromSeconds(10), cancellationToken);
                return (path, "Is a socket, not a regular file");
            case "device":
                // Of the test's own: what breaks must not take the machine's /dev/null with it.
                if (Environment.UserName != "root")
                    Assert.Ignore("only root makes devices");
                await OutsideProcess.RunSuccessfullyAsync("mknod", [path, "c", "1", "3"], TimeSpan.FromSeconds(5), cancellationToken);
                return (path, "Is a device, not a regular file");
            case "circle of links":
                File.CreateSymbolicLink(path, path + "2");
                File.CreateSymbolicLink(path + "2", path);
                return (path, "Too many levels of symbolic links");
            default:
                return (kind, "Is a device, not a regular file");
        }
    }

    private static Task<T> InTimeAsync<T>(Func<T> read, CancellationToken cancellationToken) => Task.Run(read, cancellationToken).WaitAsync(cancellationToken);

    private async Task<string[]> ErrorsAsync(string text, CancellationToken cancellationToken)
    {
        await File.WriteAllTextAsync(_path, text, cancellationToken);
        var result = await InTimeAsync(() => ShieldConfiguration.Load(_path, []), cancellationToken);
        return [.. result.Errors.Select(problem => problem.ToString())];
    }

    [Test]
    public async Task Read_MainCf_SaysWhatItIs(
        [Values("pipe", "link to a pipe", "socket", "circle of links", "/dev/zero", "/dev/null")] string kind, CancellationToken cancellationToken)
    {
        var (path, why) = await MakeAsync(kind, cancellationToken);
        var result = await InTimeAsync(() => ShieldConfiguration.Load(path, []), cancellationToken);
        Assert.That(result.Errors.Select(problem => problem.Message), Is.EqualTo((string[])[$"open {path}: {why}"]));
    }

    [Test]
    public async Task Read_FileOfAList_SaysWhatItIs(
        [Values("mynetworks = {0}", "smtpd_client_event_limit_exceptions = cidr:{0}", "shield_proxy_sources = !{0}",
            "shield_upstream_tls_CAfile = {0}")] string line,
        [Values("pipe", "directory", "socket", "/dev/urandom")] string kind,
        CancellationToken cancellationToken)
    {
        var (path, why) = await MakeAsync(kind, cancellationToken);
        Assert.That(await ErrorsAsync(line.Replace("{0}", path, StringComparison.Ordinal) + "\n", cancellationToken), Has.Some.Contains($"open {path}: {why}"));
    }

    [Test]
    public async Task Read_MaillogFile_SaysWhatItIs([Values("pipe", "directory", "socket", "/dev/full")] string kind, CancellationToken cancellationToken)
    {
        var (path, why) = await MakeAsync(kind, cancellationToken);
        Assert.That(await ErrorsAsync($"maillog_file = {path}\n", cancellationToken),
            Is.EqualTo((string[])[$"{_path}, line 1: maillog_file: {path}: {why} (name a file, which need not be there yet)"]));
    }

    [TestCase("/dev/stdout")]
    [TestCase("/dev/stderr")]
    [TestCase("/dev/null")]
    public async Task Read_MaillogFileThatIsMeant_IsTaken(string path, CancellationToken cancellationToken) =>
        Assert.That(await ErrorsAsync($"maillog_file = {path}\n", cancellationToken), Is.Empty);

    [Test]
    public async Task Open_Maillog_SaysWhatItIs([Values("pipe", "directory", "socket")] string kind, CancellationToken cancellationToken)
    {
        var (path, why) = await MakeAsync(kind, cancellationToken);
        var options = new ShieldOptions { Log = new() { MaillogFile = path } };
        Assert.That(
            async () => await InTimeAsync(() => new MaillogLoggerProvider(new(options), TimeProvider.System, "/nonexistent"), cancellationToken),
            Throws.InstanceOf<MaillogFileException>().With.Message.EqualTo($"open logfile '{path}': {why}; name a file in maillog_file"));
    }

    [Test]
    public async Task Load_CertificatesAndTheirMap_SayWhatItIs(
        [Values("pipe", "directory", "socket", "/dev/zero")] string kind, CancellationToken cancellationToken)
    {
        var (path, why) = await MakeAsync(kind, cancellationToken);
        var chain = Path.Combine(_directory, "chain.pem");
        await File.WriteAllTextAsync(chain, TestCertificate.Make("one.test").Chain, cancellationToken);
        foreach (var options in (TlsOptions[])[new() { ChainFiles = [path] }, new() { CertificateFile = path, KeyFile = chain },
            new() { CertificateFile = chain, KeyFile = path }, new() { ChainFiles = [chain], SniMaps = ["hash:" + path] }])
        {
            Assert.That((await InTimeAsync(() => CertificateStore.ProblemsOf(options, TimeProvider.System), cancellationToken))
                .Select(problem => problem.Message), Has.Some.EqualTo($"open {path}: {why}"));
        }
    }

    [Test]
    public async Task Replace_WhatIsNoFile_LeavesIt([Values("pipe", "directory", "socket", "device")] string kind, CancellationToken cancellationToken)
    {
        var (path, why) = await MakeAsync(kind, cancellationToken);
        Assert.That(await InTimeAsync(() => FileReplacement.TryChange(path, static content => [.. content, 1]), cancellationToken),
            Is.EqualTo($"open {path} for reading: {why}"));
    }

    [Test]
    public async Task Read_SparseFileOfATerabyte_IsTooLarge(CancellationToken cancellationToken)
    {
        await OutsideProcess.RunSuccessfullyAsync("truncate", ["-s", "1T", _path], TimeSpan.FromSeconds(5), cancellationToken);
        var result = await InTimeAsync(() => ShieldConfiguration.Load(_path, []), cancellationToken);
        Assert.That(result.Errors.Select(problem => problem.Message),
            Is.EqualTo((string[])[$"read {_path}: file is larger than {ConfigurationText.MaxLength} bytes"]));
    }

    [TestCase("", "has no certificate")]
    [TestCase("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n", "has no certificate")]
    [TestCase("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", "has a certificate that can't be read: ")]
    public async Task Read_AuthoritiesWithoutACertificate_AreAnErrorThatNamesTheRemedy(string text, string why, CancellationToken cancellationToken)
    {
        var file = Path.Combine(_directory, "ca.pem");
        await File.WriteAllTextAsync(file, text, cancellationToken);
        Assert.That(await ErrorsAsync($"shield_upstream_tls_CAfile = {file}\n", cancellationToken),
            Has.Exactly(1).Contains($"line 1: shield_upstream_tls_CAfile: {why}").And.Exactly(1)
                .Contains("(write the PEM file with the certificates of the MTA's authorities, "));
        await File.WriteAllTextAsync(file, "some words\n" + TestCertificate.Make("ca.test").Chain, cancellationToken);
        Assert.That(await ErrorsAsync($"shield_upstream_tls_CAfile = {file}\n", cancellationToken), Is.Empty);
    }

    [Test]
    public async Task Read_AuthoritiesThatAreMissing_AreAnError(CancellationToken cancellationToken) => Assert.That(
        await ErrorsAsync("smtp/inet/shield_upstream_tls_CAfile = /nonexistent/ca.pem\n", cancellationToken),
        Has.Exactly(1).Contains("line 1: smtp/inet/shield_upstream_tls_CAfile: open /nonexistent/ca.pem: No such file or directory (write the PEM file"));

    /// <summary>Another program has written to the log since its end was looked up: nothing of that is overwritten.</summary>
    [Test]
    public async Task OpenToAppend_OthersWriteMeanwhile_WritesBehindThem(CancellationToken cancellationToken)
    {
        var path = Path.Combine(_directory, "maillog");
        await File.WriteAllTextAsync(path, "first\n", cancellationToken);
        using var log = RegularFile.OpenToAppend(path);
        var end = RandomAccess.GetLength(log);
        await File.AppendAllTextAsync(path, "other\n", cancellationToken);
        await RandomAccess.WriteAsync(log, "own\n"u8.ToArray(), end, cancellationToken);

        Assert.That(await File.ReadAllTextAsync(path, cancellationToken), Is.EqualTo("first\nother\nown\n"));
    }
}
