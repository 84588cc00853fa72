using System.CommandLine;
using System.Text.Json;

namespace SmtpShield.Benchmarks;

/// <summary><c>attacks</c>: what a known client gets of a mail server while others attack it.</summary>
internal static class AttacksCommand
{
    private static readonly JsonSerializerOptions s_json = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase, WriteIndented = true };

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var attacks = new Option<string[]>("--attack")
        {
            Description = "Which attacks, in their order; all if not given.",
            AllowMultipleArgumentsPerToken = true,
        };
        attacks.AcceptOnlyFromAmong([.. AttackBenchmark.Attacks.Select(attack => attack.Name)]);
        var servers = new Option<string[]>("--server")
        {
            Description = "What is attacked: a Postfix alone, one behind the shield, or an smtp-sink(1) beside the client's, for what attackers cost.",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = static _ => [ServerUnderAttack.Postfix, ServerUnderAttack.Shield],
        };
        servers.AcceptOnlyFromAmong(ServerUnderAttack.Postfix, ServerUnderAttack.Shield, ServerUnderAttack.Sink);
        var seconds = new Option<int>("--seconds") { Description = "For how long the known client offers mails.", DefaultValueFactory = static _ => 8 };
        seconds.Validators.Add(static result =>
        {
            if (result.GetValueOrDefault<int>() < 1)
                result.AddError("--seconds: one at least.");
        });
        var json = new Option<FileInfo?>("--json") { Description = "Where the figures are written, too." };
        var command = new Command("attacks", "Attacks a Postfix and a shield before a Postfix in turn, and measures what a known client gets.")
        {
            attacks,
            servers,
            seconds,
            json,
        };
        command.SetAction((arguments, cancellationToken) => RunAsync(
            arguments.GetValue(attacks) is { Length: > 0 } names ? names : [.. AttackBenchmark.Attacks.Select(attack => attack.Name)],
            arguments.GetValue(servers)!, arguments.GetValue(seconds), arguments.GetValue(json), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(string[] names, string[] servers, int seconds, FileInfo? json, CancellationToken cancellationToken)
    {
        var figures = new List<AttackFigures>();
        var idle = new Dictionary<string, double?>();
        Console.WriteLine(AttackFigures.Head);
        foreach (var attack in AttackBenchmark.Attacks.Where(attack => names.Contains(attack.Name)))
        {
            foreach (var server in servers)
            {
                var measured = await AttackBenchmark.RunAsync(attack, server, seconds, cancellationToken);
                idle.TryAdd(server, attack.Parts.Count == 0 ? measured.P99Milliseconds : null);
                figures.Add(measured);
                Console.WriteLine(measured.Row(idle[server]));
            }
        }
        if (json is not null)
            await File.WriteAllTextAsync(json.FullName, JsonSerializer.Serialize(figures, s_json) + "\n", cancellationToken);
        return 0;
    }
}
