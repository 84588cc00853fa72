using System.CommandLine;
using System.Net;
using System.Text.Json;
using SmtpShield.Testing.Attacks;

namespace SmtpShield.Benchmarks;

/// <summary><c>attacker</c>: the process an attack runs in, so that it shares no threads with those who measure.</summary>
/// <remarks>It says <c>ready</c>, begins at a line on standard input, and ends with it; its last line is an <see cref="AttackReport"/>.</remarks>
internal static class AttackerCommand
{
    /// <summary>What it says when it can begin.</summary>
    public const string Ready = "ready";

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var name = new Argument<string>("ATTACK");
        var server = new Argument<IPEndPoint>("SERVER") { CustomParser = static result => IPEndPoint.Parse(result.Tokens.Single().Value) };
        var command = new Command("attacker", "The attackers' own process.") { name, server };
        command.Hidden = true;
        command.SetAction((arguments, _) => RunAsync(
            AttackCatalogue.All.Single(attack => attack.Name == arguments.GetValue(name)), arguments.GetValue(server)!));
        return command;
    }

    private static async Task<int> RunAsync(Attack attack, IPEndPoint server)
    {
        // Two cores are all there may be: no more threads than that, however many connections.
        ThreadPool.SetMaxThreads(Environment.ProcessorCount, Environment.ProcessorCount);
        Console.WriteLine(Ready);
        if (await Console.In.ReadLineAsync() is null)
            return 0;
        var before = Environment.CpuUsage.TotalTime;
        var run = AttackRun.Start(attack, server);
        while (await Console.In.ReadLineAsync() is not null)
        {
        }
        var tally = run.Tally;
        var report = new AttackReport(tally.Connected, tally.Failed, tally.Greeted, tally.Refused, tally.Replies, tally.Rejected, tally.Handshakes,
            (Environment.CpuUsage.TotalTime - before).TotalSeconds);
        await run.DisposeAsync();
        Console.WriteLine(JsonSerializer.Serialize(report));
        return 0;
    }
}
