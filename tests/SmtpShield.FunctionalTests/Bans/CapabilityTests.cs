using System.Globalization;
using System.Text.Json;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;

namespace SmtpShield.FunctionalTests.Bans;

/// <summary>
/// What the shield and the helper that feeds the kernel may do, started with the rights their units give them: the process that faces the network changes no
/// firewall, and the one that does has no other right. As root only.
/// </summary>
[Platform("Linux"), CancelAfter(120_000)]
[Property("Operations", "OPS-27")]
internal sealed class CapabilityTests
{
    private const string ShieldUnit = "smtpshield.service";
    private const string HelperUnit = "smtpshield-firewall.service";

    // capabilities(7).
    private const int NetBindService = 10;
    private const int NetAdmin = 12;

    // nobody, where the package makes a user.
    private const string User = "65534";

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private string _directory = "";

    private string Socket => Path.Combine(_directory, "control.sock");

    [SetUp]
    public void Create() => _directory = Directory.CreateTempSubdirectory("smtpshield-rights-").FullName;

    [TearDown]
    public void Remove() => Directory.Delete(_directory, recursive: true);

    [TestCase(ShieldUnit, "CAP_NET_BIND_SERVICE", "AF_INET AF_INET6 AF_UNIX AF_NETLINK")]
    [TestCase(HelperUnit, "CAP_NET_ADMIN", "AF_UNIX AF_NETLINK")]
    public void Unit_OfEach_GivesOneRightAndNoMoreLater(string unit, string capability, string families)
    {
        Assert.Multiple(() =>
        {
            Assert.That(ValuesOf(unit, "AmbientCapabilities"), Is.EqualTo((string[])[capability]));
            Assert.That(ValuesOf(unit, "CapabilityBoundingSet"), Is.EqualTo((string[])[capability]));
            Assert.That(ValuesOf(unit, "RestrictAddressFamilies"), Is.EqualTo((string[])[families]));
            Assert.That(ValuesOf(unit, "NoNewPrivileges"), Is.EqualTo((string[])["yes"]));
            Assert.That(ValuesOf(unit, "User"), Is.EqualTo((string[])["smtpshield"]));
            Assert.That(ValuesOf(unit, "ProtectSystem"), Is.EqualTo((string[])["strict"]));
        });
    }

    [Test]
    public async Task Processes_WithTheRightsOfTheirUnits_DoWhatTheyAreForAndHaveNoOthers(CancellationToken cancellationToken)
    {
        await RequireRootAsync(cancellationToken);
        await using var shield = await StartShieldAsync(cancellationToken);
        AssertRights(shield.Id, NetBindService);
        Assert.That((await StatusAsync(cancellationToken)).GetProperty("services")[0].GetProperty("endpoints")[0].GetString(), Is.EqualTo("127.0.0.1:25"));

        await using var helper = Start(HelperUnit, [.. ShieldProgram.Command, "firewall", "--socket", Socket]);
        while (await KernelAsync(cancellationToken) is null && !helper.HasExited)
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, cancellationToken);
        Assert.That(helper.HasExited, Is.False, helper.Output);
        Assert.That((await KernelAsync(cancellationToken))!.Value.GetProperty("owner").GetBoolean(), Is.True, helper.Output);
        AssertRights(helper.Id, NetAdmin);
        var nft = File.ReadAllText($"/proc/{helper.Id}/task/{helper.Id}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Assert.That(nft, Has.Length.EqualTo(1));
        AssertRights(int.Parse(nft[0], CultureInfo.InvariantCulture), NetAdmin);
    }

    [TestCase(ShieldUnit, false)]
    [TestCase(HelperUnit, true)]
    public async Task Nft_WithTheRightsOfAUnit_WorksForTheHelperOnly(string unit, bool works, CancellationToken cancellationToken)
    {
        await RequireRootAsync(cancellationToken);
        await using var nft = Start(unit, ["nft", "add table inet smtpshield_bans"]);
        await nft.WaitForExitAsync(s_patience, cancellationToken);

        Assert.That((nft.ExitCode == 0, nft.Output.Contains("Operation not permitted", StringComparison.Ordinal)), Is.EqualTo((works, !works)), nft.Output);
    }

    private async Task<OutsideProcess> StartShieldAsync(CancellationToken cancellationToken)
    {
        var mainCf = Path.Combine(_directory, "main.cf");
        await File.WriteAllTextAsync(mainCf, $"""
            shield_listen = 127.0.0.1:25
            shield_upstream = 127.0.0.1:2525
            shield_control_socket = {Socket}
            shield_state_directory =
            maillog_file = {_directory}/maillog

            """, cancellationToken);
        await OutsideProcess.RunSuccessfullyAsync("chown", ["-R", $"{User}:{User}", _directory], s_patience, cancellationToken);
        var shield = Start(ShieldUnit, [.. ShieldProgram.Command, "run", "-c", mainCf]);
        await Eventually.HoldsAsync(() => shield.HasExited || File.Exists(Socket), s_patience, "the shield listens", cancellationToken);
        Assert.That(shield.HasExited, Is.False, shield.Output);
        return shield;
    }

    // As systemd does it, in a network of its own.
    private static OutsideProcess Start(string unit, IReadOnlyList<string> command)
    {
        var capabilities = "-all," + string.Join(',', ValuesOf(unit, "AmbientCapabilities").Single().Split(' ').Select(static capability =>
            "+" + capability["CAP_".Length..].ToLowerInvariant()));
        return OutsideProcess.Start("unshare",
        [
            "-n", "sh", "-c", "ip link set lo up; exec \"$@\"", "sh", "setpriv", $"--reuid={User}", $"--regid={User}", "--clear-groups",
            $"--bounding-set={capabilities}", $"--inh-caps={capabilities}", $"--ambient-caps={capabilities}", "--no-new-privs", .. command,
        ]);
    }

    private static void AssertRights(int process, int capability)
    {
        var expected = (1UL << capability).ToString("x16", CultureInfo.InvariantCulture);
        foreach (var status in Directory.GetDirectories($"/proc/{process}/task").Select(static task => File.ReadAllLines(Path.Combine(task, "status"))))
        {
            Assert.That(status.Where(static line => line.StartsWith("Cap", StringComparison.Ordinal) || line.StartsWith("NoNewP", StringComparison.Ordinal)),
                Is.EqualTo((string[])[
                    $"CapInh:\t{expected}", $"CapPrm:\t{expected}", $"CapEff:\t{expected}", $"CapBnd:\t{expected}", $"CapAmb:\t{expected}", "NoNewPrivs:\t1",
                ]));
            Assert.That(status, Has.Some.StartsWith($"Uid:\t{User}\t{User}\t{User}"));
        }
    }

    private async Task<JsonElement> StatusAsync(CancellationToken cancellationToken)
    {
        var (_, body) = await ControlHttp.AskAsync(Socket, HttpMethod.Get, "/v1/status", cancellationToken);
        return JsonDocument.Parse(body).RootElement;
    }

    private async Task<JsonElement?> KernelAsync(CancellationToken cancellationToken) =>
        (await StatusAsync(cancellationToken)).GetProperty("bans").TryGetProperty("kernel", out var kernel) ? kernel : null;

    private static async Task RequireRootAsync(CancellationToken cancellationToken)
    {
        if (!Environment.IsPrivilegedProcess || !OutsideProcess.IsInstalled("setpriv") || !OutsideProcess.IsInstalled("nft")
            || (await OutsideProcess.RunAsync("unshare", ["-n", "nft", "list", "tables"], s_patience, cancellationToken)).ExitCode != 0)
        {
            Assert.Ignore("It takes root, setpriv, unshare and nft.");
        }

        await using var look = Start(ShieldUnit, ["test", "-r", ShieldProgram.Path]);
        await look.WaitForExitAsync(s_patience, cancellationToken);
        if (look.ExitCode != 0)
            Assert.Ignore($"Another user than root can't read {ShieldProgram.Path}.");
    }

    private static string[] ValuesOf(string unit, string name) =>
    [
        .. Repository.Read($"deploy/systemd/{unit}").Split('\n').Where(line => line.StartsWith(name + "=", StringComparison.Ordinal))
            .Select(line => line[(name.Length + 1)..]),
    ];
}
