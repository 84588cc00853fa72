using System.Net;
using System.Text.Json;
using SmtpShield.Testing.Attacks;
using SmtpShield.Testing.Outside;

namespace SmtpShield.Benchmarks;

/// <summary>The process an attack runs in. It takes only what time of the processors others leave: attackers have machines of their own.</summary>
internal sealed class Attacker : IAsyncDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);
    private readonly OutsideProcess _process;

    private Attacker(OutsideProcess process) => _process = process;

    /// <summary>Starts it, and waits until it can begin.</summary>
    public static async Task<Attacker> StartAsync(Attack attack, IPEndPoint server, CancellationToken cancellationToken)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "SmtpShield.Benchmarks.dll");
        var process = OutsideProcess.Start("chrt", ["--idle", "0", "dotnet", program, "attacker", attack.Name, server.ToString()]);
        var attacker = new Attacker(process);
        await Eventually.HoldsAsync(() => process.HasExited || process.Output.StartsWith(AttackerCommand.Ready, StringComparison.Ordinal), s_limit,
            "the attackers are ready", cancellationToken);
        return !process.HasExited ? attacker : throw new InvalidOperationException($"The attackers did not start:\n{process.Output}");
    }

    /// <summary>Lets the attack begin.</summary>
    public Task BeginAsync(CancellationToken cancellationToken) => _process.WriteAsync("go\n", cancellationToken);

    /// <summary>Ends the attack.</summary>
    public async Task<AttackReport> EndAsync(CancellationToken cancellationToken)
    {
        _process.EndInput();
        await _process.WaitForExitAsync(s_limit, cancellationToken);
        var last = _process.Output.TrimEnd().Split('\n')[^1];
        return _process.ExitCode == 0 && JsonSerializer.Deserialize<AttackReport>(last) is { } report
            ? report
            : throw new InvalidOperationException($"The attackers ended with {_process.ExitCode}:\n{_process.Output}");
    }

    /// <summary>Ends it if it has not ended.</summary>
    public ValueTask DisposeAsync() => _process.DisposeAsync();
}
