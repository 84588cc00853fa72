using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using SmtpShield.Control;
using SmtpShield.Control.Banning;
using SmtpShield.Host.Commands;

namespace SmtpShield.Host.Firewall;

/// <summary><c>smtpshield bans --kernel</c>: what the kernel drops, beside what it should, and how the helper is that tells it.</summary>
/// <param name="options">The command's options.</param>
/// <param name="program">Which nft.</param>
/// <param name="time">The clock.</param>
internal sealed class KernelQuestion(ControlArguments options, string program, TimeProvider time)
{
    // Of a helper that is not there, the usual one.
    private const int UsualLevel = 2;
    private const int Looks = 4;
    private static readonly string[] _head = ["PREFIX", "UNTIL", "KERNEL", "DIFFERENCE"];
    private static readonly TimeSpan _betweenLooks = TimeSpan.FromSeconds(1);

    /// <summary>Asks both, and prints.</summary>
    /// <returns>0: they agree; 1: they do not, or the kernel can't be asked; 3: no shield answers.</returns>
    public async Task<int> AskAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        KernelReport? helper = null;
        var question = new ControlQuestion(options);
        var status = await question.AskForStepAsync(arguments, HttpMethod.Get, "v1/status", change: null,
            text => helper = JsonSerializer.Deserialize(text, ControlJson.Default.ShieldStatus)!.Bans?.Kernel, cancellationToken);
        if (status != ControlQuestion.Done)
            return status;

        var output = TerminalOutput.Of(arguments.InvocationConfiguration.Output, options.ZoneOf(arguments));
        if (!options.IsJson(arguments))
            Print(helper, output);
        KernelComparison? comparison = null;
        for (var look = 1; comparison is not { IsEqual: true } && look <= Looks; look++)
        {
            // What is just made, lifted or renewed is on its way.
            if (look > 1)
                await Task.Delay(_betweenLooks, time, cancellationToken);
            var (held, whyNot) = await KernelSets.ReadAsync(program, time, cancellationToken);
            if (whyNot.Length > 0)
            {
                await arguments.InvocationConfiguration.Error.WriteLineAsync($"smtpshield: the kernel can't be asked: {whyNot} (as root it can)");
                return ControlQuestion.Refused;
            }

            var wanted = new List<KernelBan>();
            status = await WantedAsync(question, arguments, helper?.MinLevel ?? UsualLevel, wanted, cancellationToken);
            if (status != ControlQuestion.Done)
                return status;
            comparison = KernelComparison.Of(wanted, held, time.GetUtcNow());
        }

        if (options.IsJson(arguments))
            await arguments.InvocationConfiguration.Output.WriteLineAsync(JsonSerializer.Serialize(comparison!, FirewallJson.Default.KernelComparison));
        else
            Print(comparison!, output);
        return comparison!.IsEqual ? ControlQuestion.Done : ControlQuestion.Refused;
    }

    private static async Task<int> WantedAsync(
        ControlQuestion question, ParseResult arguments, int level, List<KernelBan> wanted, CancellationToken cancellationToken)
    {
        string? after = null;
        do
        {
            var status = await question.AskForStepAsync(arguments, HttpMethod.Get,
                ResourceQuery.Of("v1/firewall", ("min_level", level.ToString(CultureInfo.InvariantCulture)), ("after", after)), change: null,
                text =>
                {
                    var page = JsonSerializer.Deserialize(text, ControlJson.Default.KernelBans)!;
                    wanted.AddRange(page.Bans);
                    after = page.After;
                },
                cancellationToken);
            if (status != ControlQuestion.Done)
                return status;
        }
        while (after is not null);
        return ControlQuestion.Done;
    }

    private static void Print(KernelReport? helper, PlainOutput output)
    {
        if (helper is null)
        {
            output.Line("no firewall helper feeds the kernel (smtpshield firewall)");
            return;
        }

        output.Line(string.Create(CultureInfo.InvariantCulture, $"firewall helper: process {helper.Process}, --min-level {helper.MinLevel}, heard of at ")
            + output.Time(helper.Heard) + (helper.Away ? ": it is away" : ""));
        if (helper.Why is { } why)
            output.Line($"it drops nobody: {why}");
        else if (!helper.Owner)
            output.Line("its table has no owner: whoever flushes all rules takes it away for some seconds");
    }

    private static void Print(KernelComparison comparison, PlainOutput output)
    {
        output.Table(_head, comparison.Bans.Select(row => (string[])[
            row.Prefix, output.Time(row.Until), output.Time(row.KernelUntil),
            row.Difference ?? (row.Within is { } within ? $"none: it is in {within}" : "none")]));
        output.Line(string.Create(CultureInfo.InvariantCulture,
            $"{comparison.Wanted} bans are for the kernel; missing {comparison.Missing}, too many {comparison.Extra}"));
    }
}
