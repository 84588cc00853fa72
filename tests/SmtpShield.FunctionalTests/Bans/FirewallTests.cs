using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using SmtpShield.Control;
using SmtpShield.Control.Banning;
using SmtpShield.Host.Commands;
using SmtpShield.Host.Firewall;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;

namespace SmtpShield.FunctionalTests.Bans;

/// <summary>The kernel drops whom it is told to, in a network namespace that nft has for itself. As root only.</summary>
[Platform("Linux"), CancelAfter(60_000)]
[Property("Operations", "OPS-28")]
internal sealed class FirewallTests
{
    private const string Dropped = "28";
    private const string Refused = "7";

    private readonly FakeTimeProvider _time = new();
    private readonly List<string> _said = [];
    private string _directory = "";
    private string _nft = "";
    private KernelBans? _answer;
    private FirewallSync _sync = null!;

    [SetUp]
    public void Create()
    {
        if (!Environment.IsPrivilegedProcess || Run("unshare", "-n nft list tables").Status != 0)
            Assert.Ignore("It takes root, unshare and nft.");
        _said.Clear();
        _directory = Directory.CreateTempSubdirectory("smtpshield-nft-").FullName;
        _nft = Path.Combine(_directory, "nft");
        File.WriteAllText(_nft, $"#!/bin/sh\nexec unshare -n sh -c 'ip link set lo up; ip addr add 192.0.2.0/24 dev lo; ip -6 addr add 2001:db8::7/128 dev lo; "
            + $"ip -6 addr add 2001:db8:0:1::7/128 dev lo; echo $$ > {_directory}/pid; exec nft -i'\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(_nft, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        _sync = new((_, _, _, _) => Task.FromResult(Answer()), _nft, 2, _time, _said.Add);
    }

    [TearDown]
    public void End()
    {
        _sync?.Dispose();
        if (_directory.Length > 0)
            Directory.Delete(_directory, recursive: true);
    }

    [Test]
    public async Task Step_WithBans_DropsThemOnThePortsAndNobodyElse(CancellationToken cancellationToken)
    {
        await StepAsync(true, [new("192.0.2.7", 600), new("192.0.2.64/26", 600), new("2001:db8::/64", 600)], ["192.0.2.70"], cancellationToken);

        Assert.Multiple(() =>
        {
            Assert.That(Connect("192.0.2.7", "127.0.0.1:25"), Is.EqualTo(Dropped));
            Assert.That(Connect("192.0.2.7", "127.0.0.1:26"), Is.EqualTo(Refused), "another port");
            Assert.That(Connect("192.0.2.8", "127.0.0.1:25"), Is.EqualTo(Refused), "another address");
            Assert.That(Connect("192.0.2.65", "127.0.0.1:25"), Is.EqualTo(Dropped), "in a network");
            Assert.That(Connect("192.0.2.70", "127.0.0.1:25"), Is.EqualTo(Refused), "exempt in a network");
            Assert.That(Connect("2001:db8::7", "[::1]:25"), Is.EqualTo(Dropped), "in a /64");
            Assert.That(Connect("2001:db8:0:1::7", "[::1]:25"), Is.EqualTo(Refused), "in another one");
        });
    }

    [Test]
    public async Task Step_WithWhatHasChanged_LiftsAndRenews(CancellationToken cancellationToken)
    {
        await StepAsync(true, [new("192.0.2.7", 10), new("192.0.2.8", 600)], [], cancellationToken);
        await StepAsync(false, [new("192.0.2.7", 3600), new("192.0.2.8", 0), new("192.0.2.9", 0)], [], cancellationToken);

        Assert.That(Connect("192.0.2.8", "127.0.0.1:25"), Is.EqualTo(Refused));
        Assert.That(Connect("192.0.2.7", "127.0.0.1:25"), Is.EqualTo(Dropped));
        Assert.That(Nft("list set inet smtpshield_bans ban4"), Does.Match(@"elements = \{ 192\.0\.2\.7 timeout 1h expires (59m\d|1h)"));
    }

    // All anew: what is not among it is lifted.
    [Test]
    public async Task Step_WithAllOfThem_LiftsTheOthers(CancellationToken cancellationToken)
    {
        await StepAsync(true, [new("192.0.2.7", 600), new("192.0.2.64/26", 600)], [], cancellationToken);
        await StepAsync(true, [new("192.0.2.8", 600)], [], cancellationToken);

        Assert.That((Connect("192.0.2.7", "127.0.0.1:25"), Connect("192.0.2.8", "127.0.0.1:25"), Connect("192.0.2.65", "127.0.0.1:25")),
            Is.EqualTo((Refused, Dropped, Refused)));
    }

    // nft takes no intervals that overlap.
    [Test]
    public async Task Step_WithNetworksInEachOther_DropsTheInnerOneWhenTheOuterOneHasGone(CancellationToken cancellationToken)
    {
        await StepAsync(true, [new("192.0.2.64/26", 600), new("192.0.2.64/28", 3600), new("192.0.0.0/16", 60)], [], cancellationToken);
        Assert.That(Connect("192.0.2.8", "127.0.0.1:25"), Is.EqualTo(Dropped));
        await StepAsync(false, [new("192.0.0.0/16", 0), new("192.0.2.64/26", 0)], [], cancellationToken);

        Assert.That((Connect("192.0.2.8", "127.0.0.1:25"), Connect("192.0.2.65", "127.0.0.1:25"), Connect("192.0.2.90", "127.0.0.1:25")),
            Is.EqualTo((Refused, Dropped, Refused)));
    }

    [Test]
    public async Task Ban_WhoseTimeIsOver_EndsInTheKernelByItself(CancellationToken cancellationToken)
    {
        await StepAsync(true, [new("192.0.2.7", 1)], [], cancellationToken);
        while (Nft("list set inet smtpshield_bans ban4").Contains("192.0.2.7", StringComparison.Ordinal))
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, cancellationToken);

        Assert.That(Connect("192.0.2.7", "127.0.0.1:25"), Is.EqualTo(Refused));
        await StepAsync(false, [new("192.0.2.7", 0)], [], cancellationToken);
    }

    [Test]
    public async Task Table_BehindAFlushOfAllRules_IsThereAndOthersMayNotChangeIt(CancellationToken cancellationToken)
    {
        await StepAsync(true, [new("192.0.2.7", 600)], [], cancellationToken);
        Nft("flush ruleset");
        Nft("add element inet smtpshield_bans ban4 { 192.0.2.8 timeout 60s }");

        Assert.That((Connect("192.0.2.7", "127.0.0.1:25"), Connect("192.0.2.8", "127.0.0.1:25")), Is.EqualTo((Dropped, Refused)));
    }

    [Test]
    public async Task Bans_ByTheThousand_AreAllThere(CancellationToken cancellationToken)
    {
        var bans = Enumerable.Range(0, 5000).Select(static i => new KernelBan($"10.0.{i >> 8}.{i & 255}", 600)).ToList();
        await StepAsync(true, bans, [], cancellationToken);

        Assert.That(Nft("list set inet smtpshield_bans ban4").Split("timeout").Length - 1, Is.EqualTo(5001), "one is the set's flag");
    }

    [Test]
    public async Task Nft_ThatWasKilled_IsStartedAgainWithAllOfIt(CancellationToken cancellationToken)
    {
        await StepAsync(true, [new("192.0.2.7", 600)], [], cancellationToken);
        using (var nft = Process.GetProcessById(int.Parse(File.ReadAllText(Path.Combine(_directory, "pid")), CultureInfo.InvariantCulture)))
        {
            nft.Kill();
            await nft.WaitForExitAsync(cancellationToken);
        }

        _answer = new(true, 1, [new("192.0.2.7", 600)], [], [25]);
        Assert.That(await _sync.StepAsync(cancellationToken), Does.StartWith("nft has ended"));
        Assert.That(await _sync.StepAsync(cancellationToken), Is.Empty);
        Assert.That(Connect("192.0.2.7", "127.0.0.1:25"), Is.EqualTo(Dropped));
    }

    [Test]
    public async Task Shield_ThatDoesNotAnswer_LeavesWhatIsDropped(CancellationToken cancellationToken)
    {
        await StepAsync(true, [new("192.0.2.7", 600)], [], cancellationToken);
        _answer = null;

        Assert.That(await _sync.StepAsync(cancellationToken), Does.StartWith("no shield answers"));
        Assert.That(Connect("192.0.2.7", "127.0.0.1:25"), Is.EqualTo(Dropped));
    }

    [Test]
    public async Task Nft_ThatIsNotThere_IsSaid(CancellationToken cancellationToken)
    {
        using var sync = new FirewallSync((_, _, _, _) => Task.FromResult<ControlAnswer?>(null), "/nonexistent/nft", 2, _time, _said.Add);

        Assert.That(await sync.StepAsync(cancellationToken), Does.Match("^/nonexistent/nft: .*install nftables"));
    }

    // As a kernel before 5.12, or an nft that does not know the word: the helper's table has no owner.
    [Test]
    public async Task Table_WithoutAnOwner_IsMadeAgainWhenSomebodyFlushedItAndGoesWithTheHelper(CancellationToken cancellationToken)
    {
        File.WriteAllText(_nft, File.ReadAllText(_nft).Replace("exec nft -i", "sed -u \"s/flags owner/flags unknown/\" | nft -i", StringComparison.Ordinal));
        await StepAsync(true, [new("192.0.2.7", 600)], [], cancellationToken);
        Assert.That(Connect("192.0.2.7", "127.0.0.1:25"), Is.EqualTo(Dropped));
        Assert.That(_said, Has.Some.Match("^smtpshield firewall: the table has no owner, and whoever flushes all rules takes it away, for 10 s: .*unknown"));

        Nft("flush ruleset");
        await StepAsync(false, [], [], cancellationToken);
        Assert.That(Connect("192.0.2.7", "127.0.0.1:25"), Is.EqualTo(Refused), "not looked at for ten seconds");
        _time.Advance(TimeSpan.FromSeconds(10));
        await StepAsync(true, [new("192.0.2.7", 600)], [], cancellationToken);
        Assert.That(Connect("192.0.2.7", "127.0.0.1:25"), Is.EqualTo(Dropped));
        Assert.That(_said, Has.Some.Contains("somebody has taken the table away; it is made again"));
    }

    // Nobody else takes it away where it has no owner: the namespace, and the table in it, outlive nft here as they do on a host.
    [TestCase(false)]
    [TestCase(true)]
    public async Task Run_WhenItIsToldToStop_LeavesNoTable(bool isOwner, CancellationToken cancellationToken)
    {
        var limit = TimeSpan.FromSeconds(40);
        using var host = Process.Start("unshare", ["-n", "sh", "-c", $"echo $$ > {_directory}/pid; exec sleep 600"]);
        try
        {
            await Eventually.HoldsAsync(
                () => File.Exists(Path.Combine(_directory, "pid")) && File.ReadAllText(Path.Combine(_directory, "pid")).EndsWith('\n'),
                limit, "the namespace is there", cancellationToken);
            var nft = isOwner ? "nft -i" : "sh -c 'sed -u \"s/flags owner/flags unknown/\" | nft -i'";
            File.WriteAllText(_nft, $"#!/bin/sh\nexec nsenter -t {host.Id} -n {nft}\n");
            _answer = new(true, 1, [new("192.0.2.7", 600)], [], [25]);
            var reports = new List<string>();
            var isFed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            using var sync = new FirewallSync(
                (method, _, json, _) =>
                {
                    if (method == HttpMethod.Get)
                        return Task.FromResult(Answer());
                    reports.Add(json!);
                    isFed.TrySetResult();
                    return Task.FromResult<ControlAnswer?>(null);
                },
                _nft, 2, _time, _said.Add);
            using var stop = new CancellationTokenSource();
            var run = sync.RunAsync(stop.Token);
            // It reports behind its first turn, and rests then by a clock that stands still.
            await isFed.Task.WaitAsync(cancellationToken);
            Assert.That(Nft("list set inet smtpshield_bans ban4"), Does.Contain("192.0.2.7"));
            await stop.CancelAsync();
            await run.WaitAsync(cancellationToken);

            // Where it has an owner the kernel does it, behind the end of nft.
            await Eventually.TryAsync(() => !Nft("list tables").Contains("smtpshield_bans", StringComparison.Ordinal), limit, cancellationToken);
            Assert.That(Inside("nft list tables"), Is.EqualTo((0, "")));
            Assert.That((reports[0].Contains("\"owner\":true", StringComparison.Ordinal), reports[^1].Contains("\"stopped\":true", StringComparison.Ordinal)),
                Is.EqualTo((isOwner, true)));
        }
        finally
        {
            host.Kill();
            await host.WaitForExitAsync(CancellationToken.None);
        }
    }

    // kill -9 leaves a table without an owner: neither another helper nor one that owns its table stumbles over it.
    [Test]
    public async Task Table_ThatAnEarlierHelperHasLeft_IsReplaced(CancellationToken cancellationToken)
    {
        File.WriteAllText(_nft, File.ReadAllText(_nft).Replace(
            "exec nft -i", "nft add table inet smtpshield_bans; nft add set inet smtpshield_bans ban4 \"{ type inet_service; }\"; exec nft -i",
            StringComparison.Ordinal));
        await StepAsync(true, [new("192.0.2.7", 600)], [], cancellationToken);

        Assert.That(Connect("192.0.2.7", "127.0.0.1:25"), Is.EqualTo(Dropped));
        Assert.That(_said, Is.Empty, "it owns its table");
    }

    private async Task StepAsync(bool whole, IReadOnlyList<KernelBan> bans, string[] spared, CancellationToken cancellationToken)
    {
        _answer = new(whole, 1, bans, spared, [25]);
        Assert.That(await _sync.StepAsync(cancellationToken), Is.Empty);
    }

    private ControlAnswer? Answer() =>
        _answer is null ? null : new ControlAnswer(true, JsonSerializer.Serialize(_answer, ControlJson.Default.KernelBans));

    // The exit status of curl: who is dropped waits in vain.
    private string Connect(string from, string to) =>
        Inside($"curl -s -o /dev/null --connect-timeout 1 --interface host!{from} http://{to}/").Status.ToString(CultureInfo.InvariantCulture);

    private string Nft(string words) => Inside("nft " + words).Output;

    private (int Status, string Output) Inside(string command) => Run("nsenter", $"-t {File.ReadAllText(Path.Combine(_directory, "pid")).Trim()} -n {command}");

    private static (int Status, string Output) Run(string program, string arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            var output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return (process.ExitCode, output);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return (127, "");
        }
    }
}
