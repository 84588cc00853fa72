using System.Net;
using System.Runtime.Versioning;
using SmtpShield.Testing.Outside;

namespace SmtpShield.FunctionalTests.Control;

/// <summary>Who may use the control socket, and that the log names who did.</summary>
[Platform("Linux"), SupportedOSPlatform("linux"), CancelAfter(120_000)]
[Property("Operations", "OPS-3")]
internal sealed class ControlAccessTests
{
    private const string Nobody = "65534";
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);
    private static readonly IPEndPoint s_away = new(IPAddress.Loopback, 9);

    private string _directory = "";

    private string Socket => Path.Combine(_directory, "control.sock");

    [SetUp]
    public void MakeDirectory()
    {
        if (!Environment.IsPrivilegedProcess)
            Assert.Ignore("only root can become another user");
        foreach (var program in new[] { "setpriv", "curl" })
        {
            if (!OutsideProcess.IsInstalled(program))
                Assert.Ignore($"{ShieldProgram.Path} is not installed");
        }

        _directory = Directory.CreateTempSubdirectory("smtpshield-access-").FullName;
        // Everybody may come as far as the socket, as in /run/smtpshield.
        File.SetUnixFileMode(_directory, File.GetUnixFileMode(_directory) | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
    }

    [TearDown]
    public void RemoveDirectory()
    {
        if (_directory.Length > 0)
            Directory.Delete(_directory, recursive: true);
    }

    [Test]
    public async Task Connect_OutsideTheGroup_IsRefusedByTheKernel(CancellationToken cancellationToken)
    {
        await using var shield = await StartAsync(cancellationToken);

        var (status, output) = await CurlAsync(Nobody, group: Nobody, "/v1/status", [], cancellationToken);
        // 7: failed to connect.
        Assert.That(status, Is.EqualTo(7), output);
        Assert.That(await AsNobodyAsync(["status", "--socket", Socket], cancellationToken), Is.EqualTo(
            (3, $"smtpshield: no shield answers at {Socket} (is it running? are you in group smtpshield?)\n")));
        await shield.StopAsync(cancellationToken);
    }

    [Test]
    public async Task Change_ByAMemberOfTheGroup_IsLoggedWithTheKernelsWord(CancellationToken cancellationToken)
    {
        await using var shield = await StartAsync(cancellationToken);

        // As one would who wants to be somebody else.
        var (status, output) = await CurlAsync(Nobody, group: "0", "/v1/upstreams/mta9:25/drain",
            ["-H", "Content-Type: application/json", "-H", "X-Forwarded-User: root", "-d", """{"why": "x\ny by uid 0 (root)"}"""], cancellationToken);

        Assert.That(status, Is.Zero, output);
        Assert.That(output, Does.Contain("\"status\":404"));
        await Eventually.HoldsAsync(() => shield.AllLines.Contains("upstream mta9:25: drain by", StringComparison.Ordinal), s_limit, "the line",
            cancellationToken);
        Assert.That(shield.AllLines, Does.Match(@"master\[\d+\]: upstream mta9:25: drain by uid 65534 \(\w+\) refused: no such upstream: mta9:25"));
        await shield.StopAsync(cancellationToken);
    }

    private Task<ShieldProcess> StartAsync(CancellationToken cancellationToken) => ShieldProcess.StartAsync(
        s_away, new Dictionary<string, string> { ["shield_control_socket"] = Socket }, cancellationToken);

    private Task<(int ExitCode, string Output)> CurlAsync(
        string user, string group, string resource, IEnumerable<string> more, CancellationToken cancellationToken) => OutsideProcess.RunAsync(
            "setpriv",
            ["--reuid", user, "--regid", group, "--clear-groups", "curl", "-sS", "--unix-socket", Socket, "http://localhost" + resource, .. more],
            s_limit, cancellationToken, workingDirectory: "/");

    private static async Task<(int ExitCode, string Output)> AsNobodyAsync(string[] arguments, CancellationToken cancellationToken)
    {
        string[] asNobody = ["--reuid", Nobody, "--regid", Nobody, "--clear-groups"];
        if ((await RunAsync("test", "-r", ShieldProgram.Path)).ExitCode != 0)
            Assert.Ignore($"{ShieldProgram.Path} is where others can't read it");
        return await RunAsync([.. ShieldProgram.Command, .. arguments]);

        Task<(int ExitCode, string Output)> RunAsync(params IEnumerable<string> command) =>
            OutsideProcess.RunAsync("setpriv", [.. asNobody, .. command], s_limit, cancellationToken, workingDirectory: "/");
    }
}
