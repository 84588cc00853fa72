using System.Globalization;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.Benchmarks.Observe;

/// <summary>
/// How long it takes until a ban holds: at the shield, in the kernel (nft in a network namespace of its own; as root only), and until the kernel has 2,000 of
/// them.
/// </summary>
internal sealed class FreshBans : IDisposable
{
    private const int Times = 20;
    private const int Many = 2000;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private readonly string _directory = Directory.CreateTempSubdirectory("smtpshield-bans-").FullName;
    private ShieldProcess _shield = null!;

    private FreshBans()
    {
    }

    /// <summary>Measures each.</summary>
    public static async IAsyncEnumerable<ObserveFigure> MeasureAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var bans = new FreshBans();
        await using var mta = new ScriptedMta();
        await using var shield = await ShieldProcess.StartAsync(mta.EndPoint, new Dictionary<string, string>
        {
            ["smtpd_upstream_proxy_protocol"] = "haproxy", ["shield_proxy_sources"] = "127.0.0.1", ["smtpd_client_connection_count_limit"] = "0",
        }, cancellationToken);
        bans._shield = shield;
        var refused = 0;
        for (var i = 0; i < Times; i++)
        {
            await bans.BanAsync($"198.18.0.{i}", cancellationToken);
            if (await bans.IsRefusedAsync($"198.18.0.{i}", cancellationToken))
                refused++;
        }

        yield return new("next connections behind a ban that were refused", string.Create(CultureInfo.InvariantCulture, $"{refused} of {Times}"), "all");
        if (!Environment.IsPrivilegedProcess)
            yield break;

        await using var helper = bans.StartHelper();
        await bans.KernelHasAsync("198.18.0.0", cancellationToken);
        var times = new List<double>();
        for (var i = 0; i < Times; i++)
        {
            var start = TimeProvider.System.GetTimestamp();
            await bans.BanAsync($"198.19.0.{i}", cancellationToken);
            await bans.KernelHasAsync($"198.19.0.{i}", cancellationToken);
            times.Add(TimeProvider.System.GetElapsedTime(start).TotalNanoseconds);
        }

        yield return new("from a ban to the kernel", ObserveFigure.Time(ObserveFigure.Median(times)), "≤ 500 ms");

        var begin = TimeProvider.System.GetTimestamp();
        for (var i = 0; i < Many; i++)
            await bans.BanAsync(string.Create(CultureInfo.InvariantCulture, $"203.{i >> 8}.{i & 255}.1"), cancellationToken);
        var made = TimeProvider.System.GetElapsedTime(begin);
        var last = TimeProvider.System.GetTimestamp();
        await bans.KernelHasAsync(string.Create(CultureInfo.InvariantCulture, $"203.{(Many - 1) >> 8}.{(Many - 1) & 255}.1"), cancellationToken);
        yield return new("from the last of 2,000 bans to the kernel, which has them all",
            ObserveFigure.Time(TimeProvider.System.GetElapsedTime(last).TotalNanoseconds), "≤ 1 s");
        yield return new("2,000 bans one behind the other, by the API", ObserveFigure.Time(made.TotalNanoseconds));
    }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private async Task BanAsync(string client, CancellationToken cancellationToken)
    {
        var (status, body) = await ControlHttp.AskAsync(
            _shield.ControlSocket, HttpMethod.Post, "/v1/bans", cancellationToken, $$"""{"prefix":"{{client}}","for_s":3600}""");
        if (status is not (200 or 201))
            throw new InvalidOperationException(body);
    }

    private async Task<bool> IsRefusedAsync(string client, CancellationToken cancellationToken)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(_shield.EndPoint, cancellationToken);
        await socket.SendAsync(Encoding.ASCII.GetBytes($"PROXY TCP4 {client} 203.0.113.1 40000 25\r\n"), cancellationToken);
        var buffer = new byte[512];
        var length = await socket.ReceiveAsync(buffer, cancellationToken);
        return buffer.AsSpan(0, length).StartsWith("421 "u8);
    }

    // The helper as it is installed; its nft is in a namespace whose first process says its number.
    private OutsideProcess StartHelper()
    {
        var nft = Path.Combine(_directory, "nft");
        File.WriteAllText(nft, $"#!/bin/sh\nexec unshare -n sh -c 'echo $$ > {_directory}/pid; exec nft -i'\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(nft, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        string[] command = [.. ShieldProgram.Command, "firewall", "--nft", nft, "--socket", _shield.ControlSocket];
        return OutsideProcess.Start(command[0], command[1..]);
    }

    // nft get fails for what is not there.
    private async Task KernelHasAsync(string client, CancellationToken cancellationToken)
    {
        var pid = Path.Combine(_directory, "pid");
        await Eventually.HoldsAsync(() => File.Exists(pid), s_patience, "nft has started", cancellationToken);
        var start = TimeProvider.System.GetTimestamp();
        while ((await OutsideProcess.RunAsync(
            "nsenter", ["-t", (await File.ReadAllTextAsync(pid, cancellationToken)).Trim(), "-n", "nft", "get", "element", "inet", "smtpshield_bans", "ban4",
                $"{{ {client} }}"], s_patience, cancellationToken)).ExitCode != 0)
        {
            if (TimeProvider.System.GetElapsedTime(start) > s_patience)
                throw new InvalidOperationException($"the kernel does not have {client}");
        }
    }
}
