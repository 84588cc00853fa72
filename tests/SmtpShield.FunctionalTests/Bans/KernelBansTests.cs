using System.CommandLine;
using System.Text.Json;
using SmtpShield.FunctionalTests.Session;
using SmtpShield.Host.Commands;
using SmtpShield.Host.Firewall;
using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;

namespace SmtpShield.FunctionalTests.Bans;

/// <summary>What the shield, its metrics and <c>bans --kernel</c> know of the helper, whose nft is in a network namespace of its own. As root only.</summary>
[Platform("Linux"), CancelAfter(120_000)]
[Property("Operations", "OPS-28")]
internal sealed class KernelBansTests : RelayFixture
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private string _directory = "";

    private string Place => Path.Combine(_directory, "control.sock");

    private string Nft => Path.Combine(_directory, "nft");

    protected override ShieldOptions Configure(ShieldOptions options)
    {
        _directory = Directory.CreateTempSubdirectory("smtpshield-kernel-").FullName;
        return options with { Control = new() { Socket = Place } };
    }

    [SetUp]
    public async Task MakeNft()
    {
        if (!Environment.IsPrivilegedProcess
            || (await OutsideProcess.RunAsync("sh", ["-c", "unshare -n nft list tables"], s_patience, CancellationToken.None)).ExitCode != 0)
        {
            Assert.Ignore("It takes root, unshare and nft.");
        }

        // The one that is fed makes the namespace, and others go into it; until then there is none.
        var pid = Path.Combine(_directory, "pid");
        await File.WriteAllTextAsync(Nft, $"""
            #!/bin/sh
            case $1 in
            -i) exec unshare -n sh -c 'echo $$ > {pid}; exec nft -i' ;;
            *) exec nsenter -t $(cat {pid}) -n nft "$@" ;;
            esac

            """);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(Nft, UnixFileMode.UserRead | UnixFileMode.UserExecute);
    }

    [TearDown]
    public void RemoveDirectory() => Directory.Delete(_directory, recursive: true);

    [Test]
    public async Task Kernel_ThatAHelperFeeds_IsSeenInStatusAndBansUntilItStops(CancellationToken cancellationToken)
    {
        Assert.That(await KernelAsync(cancellationToken), Is.Null, "nobody misses one that was never there");
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var helper = RunAsync($"firewall --nft {Nft}", stop.Token);
        await BanAsync("198.51.100.0/24", cancellationToken);
        await BanAsync("198.51.0.0/16", cancellationToken);
        await BanAsync("2001:db8::/64", cancellationToken);
        await UntilAsync(static kernel => kernel?.GetProperty("manual").GetInt32() == 3, cancellationToken);

        var kernel = (await KernelAsync(cancellationToken))!.Value;
        Assert.That((kernel.GetProperty("wanted").GetInt32(), kernel.GetProperty("auto").GetInt32(), kernel.GetProperty("away").GetBoolean(),
            kernel.GetProperty("owner").GetBoolean(), kernel.GetProperty("min_level").GetInt32()), Is.EqualTo((3, 0, false, true, 2)));

        var (status, output, error) = await RunAsync($"bans --kernel --nft {Nft} --utc", cancellationToken);
        Assert.That(status, Is.Zero, output + error);
        Assert.That(output, Does.Match(@"^firewall helper: process \d+, --min-level 2, heard of at 20\S+Z\nPREFIX +UNTIL +KERNEL +DIFFERENCE\n"));
        Assert.That(output, Does.Match(@"\n198\.51\.0\.0/16 +20\S+Z +20\S+Z +none\n")
            .And.Match(@"\n198\.51\.100\.0/24 +20\S+Z +- +none: it is in 198\.51\.0\.0/16\n")
            .And.Match(@"\n2001:db8::/64 +20\S+Z +20\S+Z +none\n").And.EndsWith("3 bans are for the kernel; missing 0, too many 0\n"));
        Assert.That((await RunAsync($"bans --kernel --nft {Nft} --json", cancellationToken)).Output,
            Does.StartWith("""{"wanted":3,"missing":0,"extra":0,"bans":[{"prefix":"198.51.0.0/16","until":"20"""));

        await stop.CancelAsync();
        Assert.That((await helper).Status, Is.Zero);
        Assert.That(await KernelAsync(cancellationToken), Is.Null, "it has said that it stops");
        Assert.That((await RunAsync("status", cancellationToken)).Output, Does.Not.Contain("firewall helper"));
    }

    [Test]
    public async Task Kernel_ThatLacksABan_IsAskedAgainAndThenToldOf(CancellationToken cancellationToken)
    {
        await File.WriteAllTextAsync(Path.Combine(_directory, "json"), """
            {"nftables": [{"set": {"name": "ban4", "elem": [{"elem": {"val": "198.51.100.8", "timeout": 600, "expires": 598}}]}}]}
            """, cancellationToken);
        await File.AppendAllTextAsync(Path.Combine(_directory, "say"), $"#!/bin/sh\necho x >> {_directory}/asked\ncat {_directory}/json\n", cancellationToken);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(Path.Combine(_directory, "say"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        await BanAsync("198.51.100.7", cancellationToken);

        var (status, output, _) = await RunAsync($"bans --kernel --nft {_directory}/say --utc", cancellationToken);
        Assert.That(status, Is.EqualTo(1));
        Assert.That(output, Does.StartWith("no firewall helper feeds the kernel (smtpshield firewall)\n").And.Match(@"\n198\.51\.100\.7 +\S+ +- +missing\n")
            .And.Match(@"\n198\.51\.100\.8 +- +20\S+Z +not on the shield's list\n").And.EndsWith("1 bans are for the kernel; missing 1, too many 1\n"));
        Assert.That(File.ReadAllLines(Path.Combine(_directory, "asked")), Has.Length.EqualTo(4), "what is on its way arrives meanwhile");
    }

    [Test]
    public async Task Helper_WithoutNft_SaysSoInStatusAndMetrics(CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await BanAsync("198.51.100.7", cancellationToken);
        var helper = RunAsync("firewall --nft /nonexistent/nft", stop.Token);
        await UntilAsync(static kernel => kernel is not null, cancellationToken);

        var kernel = (await KernelAsync(cancellationToken))!.Value;
        Assert.That((kernel.GetProperty("wanted").GetInt32(), kernel.GetProperty("manual").GetInt32()), Is.EqualTo((1, 0)));
        Assert.That((await RunAsync("status", cancellationToken)).Output, Does.Match(
            "attention: the firewall helper can't make the kernel drop anybody, and the shield refuses the banned: /nonexistent/nft: .*install nftables"));
        var (status, output, error) = await RunAsync("bans --kernel --nft /nonexistent/nft", cancellationToken);
        Assert.That((status, error), Is.EqualTo((1, error)));
        Assert.That(output, Does.Contain("it drops nobody: /nonexistent/nft: "));
        Assert.That(error, Does.StartWith("smtpshield: the kernel can't be asked: /nonexistent/nft: "));

        await stop.CancelAsync();
        Assert.That((await helper).Error, Does.Match("^smtpshield firewall: /nonexistent/nft: .*install nftables"));
    }

    // Nobody but a local process tells the shield what the kernel does, and nothing it says is a change of an operator's.
    [TestCase("""{"process":0,"auto":1,"manual":1}""", 400)]
    [TestCase("""{"process":1,"auto":-1,"manual":1}""", 400)]
    [TestCase("""{"process":1,"auto":1,"manuel":1}""", 400)]
    [TestCase("", 400)]
    [TestCase("""{"process":1,"auto":1,"manual":1,"why":"\u001b[2J"}""", 204)]
    public async Task Report_OfAHelper_IsCheckedAndEscaped(string json, int status, CancellationToken cancellationToken)
    {
        var (answered, body) = await ControlHttp.AskAsync(Place, HttpMethod.Post, "/v1/firewall", cancellationToken, json);
        Assert.That(answered, Is.EqualTo(status), body);
        Assert.That(Shield.Log.Lines, Has.None.StartsWith("control: "));
        if (status == 204)
            Assert.That((await RunAsync("status", cancellationToken)).Output, Does.Not.Contain('\u001b'));
    }

    private async Task UntilAsync(Func<JsonElement?, bool> holds, CancellationToken cancellationToken)
    {
        while (!holds(await KernelAsync(cancellationToken)))
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, cancellationToken);
    }

    private async Task<JsonElement?> KernelAsync(CancellationToken cancellationToken)
    {
        var (_, body) = await ControlHttp.AskAsync(Place, HttpMethod.Get, "/v1/status", cancellationToken);
        return JsonDocument.Parse(body).RootElement.GetProperty("bans").TryGetProperty("kernel", out var kernel) ? kernel : null;
    }

    private async Task BanAsync(string prefix, CancellationToken cancellationToken)
    {
        var (status, body) = await ControlHttp.AskAsync(
            Place, HttpMethod.Post, "/v1/bans", cancellationToken, $$"""{"prefix":"{{prefix}}","for_s":3600,"wide":true}""");
        Assert.That(status, Is.EqualTo(200), body);
    }

    private async Task<(int Status, string Output, string Error)> RunAsync(string command, CancellationToken cancellationToken)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        var root = new RootCommand("smtpshield") { BansCommand.Create(), StatusCommand.Create(), FirewallCommand.Create() };
        var status = await root.Parse($"{command} --socket {Place}")
            .InvokeAsync(new InvocationConfiguration { Output = output, Error = error }, cancellationToken);
        return (status, output.ToString(), error.ToString());
    }
}
