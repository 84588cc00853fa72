using System.Text.Json;
using SmtpShield.Control;
using SmtpShield.Control.Banning;
using SmtpShield.Host.Commands;
using SmtpShield.Host.Firewall;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Host;

/// <summary>What the helper asks the shield, and tells nft: here one that takes everything, and writes it down.</summary>
[Platform("Linux"), CancelAfter(30_000)]
[Property("Operations", "OPS-28")]
internal sealed class FirewallSyncTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly Queue<KernelBans> _answers = new();
    private readonly List<string> _asked = [];
    private string _directory = "";
    private FirewallSync _sync = null!;

    private string Told => Path.Combine(_directory, "told");

    [SetUp]
    public void Create()
    {
        _directory = Directory.CreateTempSubdirectory("smtpshield-nft-").FullName;
        var nft = Path.Combine(_directory, "nft");
        File.WriteAllText(nft, $"#!/bin/sh\nwhile IFS= read -r line; do case $line in told*) echo \"$line\" >&2 ;; *) echo \"$line\" >>{Told} ;; esac; done\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(nft, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        _answers.Clear();
        _asked.Clear();
        _sync = new(
            (_, resource, _, _) =>
            {
                _asked.Add(resource);
                return Task.FromResult<ControlAnswer?>(new(true, JsonSerializer.Serialize(_answers.Dequeue(), ControlJson.Default.KernelBans)));
            },
            nft, 2, _time, static _ => { });
    }

    [TearDown]
    public void End()
    {
        _sync.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    // Whoever is unbanned while the pages come is not in the later ones; the next question is for what has happened since the first.
    [Test]
    public async Task Step_OverSeveralPages_GoesOnFromTheRevisionOfTheFirst(CancellationToken cancellationToken)
    {
        await StepAsync(cancellationToken,
            new(true, 7, [new("192.0.2.7", 600)], [], [25]) { After = "192.0.2.7" }, new(true, 9, [new("192.0.2.8", 600)], [], [25]));
        await StepAsync(cancellationToken, Changed(9, []));

        Assert.That(_asked, Is.EqualTo((string[])[
            "v1/firewall?since=-1&min_level=2", "v1/firewall?since=-1&min_level=2&after=192.0.2.7", "v1/firewall?since=7&min_level=2"]));
    }

    // Who is on a later page stays dropped while the first one is told.
    [Test]
    public async Task Step_OfAllOverSeveralPages_LiftsBehindTheLastOnly(CancellationToken cancellationToken)
    {
        await StepAsync(cancellationToken, Changed(1, [new("192.0.2.7", 600), new("192.0.2.8", 600), new("192.0.2.9", 600)]));
        File.Delete(Told);
        await StepAsync(cancellationToken,
            new(true, 7, [new("192.0.2.7", 600)], [], [25]) { After = "192.0.2.7" }, new(true, 9, [new("192.0.2.8", 600)], [], [25]));

        var lifted = File.ReadAllLines(Told).Where(static line => line.Contains(" timeout 1s", StringComparison.Ordinal));
        Assert.That(lifted, Has.One.EndsWith("{ 192.0.2.9 }").And.Exactly(1).Items);
    }

    [Test]
    public async Task Step_WithAnotherEndOfANetwork_RenewsIt(CancellationToken cancellationToken)
    {
        await StepAsync(cancellationToken, Changed(1, [new("192.0.2.0/24", 600)]));
        File.Delete(Told);
        await StepAsync(cancellationToken, Changed(2, [new("192.0.2.0/24", 3600)]));

        Assert.That(File.ReadAllText(Told), Does.StartWith("add element inet smtpshield_bans net4 { 192.0.2.0/24 timeout 3600s };"));
    }

    [Test]
    public async Task Step_WithoutAChangeOfANetwork_SaysNothingOfNetworks(CancellationToken cancellationToken)
    {
        await StepAsync(cancellationToken, Changed(1, [new("192.0.2.0/24", 600)]));
        File.Delete(Told);
        await StepAsync(cancellationToken, Changed(2, [new("198.51.100.7", 3600)]));

        Assert.That(File.ReadAllText(Told), Does.Not.Contain("net4"));
    }

    // One inside another, many times over, as operators' lists have them.
    [Test]
    public async Task Step_WithManyNetworks_TellsTheWidestInBatches(CancellationToken cancellationToken)
    {
        var wide = Enumerable.Range(0, 1200).Select(static i => new KernelBan($"10.{i >> 8}.{i & 255}.0/24", 600)).ToList();
        var inner = Enumerable.Range(0, 1200).Select(static i => new KernelBan($"10.{i >> 8}.{i & 255}.128/25", 600));
        await StepAsync(cancellationToken, new KernelBans(true, 1, [.. wide, .. inner], [], [25]));

        var lines = File.ReadAllLines(Told).Where(static line => line.Contains("add element inet smtpshield_bans net4", StringComparison.Ordinal)).ToList();
        Assert.That(lines, Has.Count.EqualTo(3));
        Assert.That(lines.Sum(static line => line.Split("; delete")[0].Split("timeout").Length - 1), Is.EqualTo(1200));
        Assert.That(lines, Has.None.Contains("/25"));
    }

    private static KernelBans Changed(long revision, IReadOnlyList<KernelBan> bans) => new(false, revision, bans, [], [25]);

    private async Task StepAsync(CancellationToken cancellationToken, params KernelBans[] answers)
    {
        foreach (var answer in answers)
            _answers.Enqueue(answer);
        Assert.That(await _sync.StepAsync(cancellationToken), Is.Empty);
    }
}
