using System.Globalization;
using System.Text.Json;
using SmtpShield.FunctionalTests.Control;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;

namespace SmtpShield.FunctionalTests.Sharing;

/// <summary>
/// The story of <c>deploy/cluster/README.md</c>, typed as it stands there: two shields, a Redis, HAProxy and a mail server as processes on loopback, with the
/// files people copy. Ports are others, and before each command its state is waited for, however slow the machine is.
/// </summary>
[Platform("Linux"), CancelAfter(240_000)]
internal sealed class ClusterStoryTests
{
    private const string Page = "deploy/cluster/README.md";
    private const string Ports = "BALANCER=2525 FIRST=2601 SECOND=2602 SINK=2603 STORE=6379";
    private const string Rule = "smtpd_client_connection_rate_limit";
    private const int Limit = 5;

    private static readonly string[] s_programs = ["bash", "redis-server", "haproxy", "smtp-sink", "openssl", "python3"];
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_rest = TimeSpan.FromMilliseconds(20);

    // What the page calls each port, and what it is here.
    private readonly Dictionary<string, int> _ports = new() { ["2525"] = 0, ["2601"] = 0, ["2602"] = 0, ["2603"] = 0, ["6379"] = 0 };
    private readonly Dictionary<string, int> _connections = [];
    private readonly HashSet<string> _shields = [];
    private string _directory = "";
    private bool _hasStore;
    private int _typed;
    private OutsideProcess _bash = null!;

    [SetUp]
    public async Task CopyFiles()
    {
        foreach (var missing in s_programs.Where(static program => !OutsideProcess.IsInstalled(program)))
            Assert.Ignore($"{missing} is not installed (tests/run installs it when it runs as root)");
        _directory = Directory.CreateTempSubdirectory("smtpshield-cluster-").FullName;
        foreach (var file in Directory.GetFiles(Repository.PathOf("deploy/cluster")))
            File.Copy(file, PathOf(Path.GetFileName(file)));

        foreach (var port in _ports.Keys)
            _ports[port] = LoopbackPorts.Take();
        var script = await File.ReadAllTextAsync(PathOf("on-loopback.sh"));
        Assert.That(script, Does.Contain(Ports));
        await File.WriteAllTextAsync(PathOf("on-loopback.sh"), script.Replace(Ports, Here(Ports), StringComparison.Ordinal));

        Directory.CreateDirectory(PathOf("bin"));
        await File.WriteAllTextAsync(PathOf("bin/smtpshield"), $"#!/bin/sh\nexec {string.Join(' ', ShieldProgram.Command)} \"$@\"\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(PathOf("bin/smtpshield"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        _bash = OutsideProcess.Start("bash", ["--norc", "--noprofile"], _directory, new Dictionary<string, string>
        {
            ["PATH"] = $"{PathOf("bin")}:{Environment.GetEnvironmentVariable("PATH")}:/usr/sbin:/sbin",
            ["SMTPSHIELD_SHIELD_TRANSPORT"] = TestTransport.Name,
            ["SMTPSHIELD_SHIELD_SHARED_LEASE"] = "3s",
        });
        await _bash.WriteAsync("exec 2>&1\n", CancellationToken.None);
    }

    [TearDown]
    public async Task StopAll()
    {
        if (_bash is not null)
            await _bash.DisposeAsync();
        if (_directory.Length > 0)
            Directory.Delete(_directory, recursive: true);
    }

    [Test]
    [Property("Sharing", "SHARE-1")]
    [Property("Sharing", "SHARE-15")]
    [Property("Sharing", "SHARE-25")]
    public async Task Commands_OfThePage_KeepThePromisesAndPrintWhatItSays(CancellationToken cancellationToken)
    {
        await PageTyper.TypeAsync(Page, command => TypeAsync(command, cancellationToken), cancellationToken);
        Assert.That(_connections.Values.Sum(), Is.EqualTo(32), "all of the story was told");
    }

    private async Task<string?> TypeAsync(string command, CancellationToken cancellationToken)
    {
        var words = command.Split(' ');
        if (words[0] == "./client")
            await KnowAsync(Client(words), cancellationToken);
        else if (command.Contains(".log", StringComparison.Ordinal))
            await UntilAsync(() => Task.FromResult(File.ReadAllText(PathOf(words[^1])).Contains("limit exceeded", StringComparison.Ordinal)), command);

        TestContext.Out.WriteLine($"$ {command}");
        var output = Shown(await RunAsync(command, cancellationToken));
        TestContext.Out.Write(output);
        switch (words)
        {
            case ["./client", var count, ..]:
                _connections[Client(words)] = _connections.GetValueOrDefault(Client(words)) + int.Parse(count, CultureInfo.InvariantCulture);
                break;
            case ["start", var name]:
                await StartedAsync(name, cancellationToken);
                break;
            case ["stop", "store"]:
                _hasStore = false;
                await UntilAsync(() => AllAsync(HasFailed, cancellationToken), "all know that the store is away");
                break;
            case ["stop", var name, "-KILL"]:
                _shields.Remove(name);
                await UntilAsync(() => Task.FromResult(!LoopbackPorts.IsListening(PortOf(name))), $"{name} is gone");
                break;
        }

        return output;
    }

    // Runs it, to its end, with its exit status.
    private async Task<string> RunAsync(string command, CancellationToken cancellationToken)
    {
        var (before, end) = (_bash.Output.Length, $"-- {++_typed} ended with ");
        await _bash.WriteAsync($"{command}\necho '{end}'$?\n", cancellationToken);
        await UntilAsync(() => Task.FromResult(_bash.HasExited || _bash.Output[before..].Contains(end, StringComparison.Ordinal)), command);
        var output = _bash.Output[before..];
        Assert.That(output, Does.EndWith($"{end}0\n"), command);
        return output[..^$"{end}0\n".Length];
    }

    private async Task StartedAsync(string name, CancellationToken cancellationToken)
    {
        await UntilAsync(() => Task.FromResult(LoopbackPorts.IsListening(PortOf(name))), $"{name} listens");
        _hasStore |= name == "store";
        if (name.StartsWith("shield", StringComparison.Ordinal))
            _shields.Add(name);
        await UntilAsync(() => AllAsync(sharing => sharing.GetProperty("shields").GetInt32() == _shields.Count && !HasFailed(sharing), cancellationToken),
            $"{_shields.Count} shields count together");
    }

    private static bool HasFailed(JsonElement sharing) => sharing.TryGetProperty("failure", out var failure) && failure.ValueKind == JsonValueKind.String;

    // All shields have heard of what all have counted: from half a limit on each is told, above it once.
    private Task KnowAsync(string client, CancellationToken cancellationToken)
    {
        var known = Math.Min(_connections.GetValueOrDefault(client), Limit + 1);
        return !_hasStore || 2 * known < Limit ? Task.CompletedTask : UntilAsync(
            async () =>
            {
                foreach (var shield in _shields)
                {
                    var (status, body) = await ControlHttp.AskAsync(SocketOf(shield), HttpMethod.Get, $"/v1/clients/{client}", cancellationToken);
                    if (status != 200 || !JsonDocument.Parse(body).RootElement.GetProperty("services")[0].GetProperty("rules").EnumerateArray()
                        .Any(rule => rule.GetProperty("rule").GetString() == Rule && rule.GetProperty("count").GetInt32() >= known))
                    {
                        return false;
                    }
                }

                return true;
            },
            $"all know of {known} connections of {client}");
    }

    private async Task<bool> AllAsync(Func<JsonElement, bool> condition, CancellationToken cancellationToken)
    {
        foreach (var shield in _shields)
        {
            var (_, body) = await ControlHttp.AskAsync(SocketOf(shield), HttpMethod.Get, "/v1/status", cancellationToken);
            if (!JsonDocument.Parse(body).RootElement.TryGetProperty("sharing", out var sharing) || !condition(sharing))
                return false;
        }

        return true;
    }

    private async Task UntilAsync(Func<Task<bool>> condition, string what)
    {
        for (var begun = TimeProvider.System.GetTimestamp(); !await HoldsAsync();)
        {
            if (TimeProvider.System.GetElapsedTime(begun) > s_patience)
                Assert.Fail($"Not within {s_patience.TotalSeconds} s: {what}\n{_bash.Output}\n{string.Join('\n', Logs())}");
            await Task.Delay(s_rest, TimeProvider.System);
        }

        async Task<bool> HoldsAsync()
        {
            try
            {
                return await condition();
            }
            catch (Exception early) when (early is HttpRequestException or System.Net.Sockets.SocketException)
            {
                // It has no socket yet.
                return false;
            }
        }

        IEnumerable<string> Logs() => Directory.GetFiles(PathOf("run"), "*.log").Concat(Directory.GetFiles(PathOf("run"), "*.out"))
            .Select(static file => $"{file}:\n{File.ReadAllText(file)}");
    }

    private static string Client(string[] words) => words.Length > 2 ? words[2] : "127.0.0.1";

    private int PortOf(string name) => _ports[name switch { "balancer" => "2525", "shield1" => "2601", "shield2" => "2602", "sink" => "2603", _ => "6379" }];

    private string SocketOf(string shield) => PathOf($"run/{shield}.sock");

    private string PathOf(string file) => Path.Combine(_directory, file);

    private string Here(string text) => _ports.Aggregate(text, static (text, port) => text.Replace($"={port.Key}", $"={port.Value}", StringComparison.Ordinal));

    private string Shown(string text) =>
        _ports.Aggregate(text, static (text, port) => text.Replace($":{port.Value}", $":{port.Key}", StringComparison.Ordinal));
}
