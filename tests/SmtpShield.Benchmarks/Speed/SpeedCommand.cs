using System.CommandLine;
using System.Text.Json;

namespace SmtpShield.Benchmarks.Speed;

/// <summary><c>speed</c>: the shield beside HAProxy, nginx, Postfix and nothing, each workload in turn.</summary>
internal static class SpeedCommand
{
    private static readonly JsonSerializerOptions s_json = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase, WriteIndented = true };

    private static readonly Workload[] s_workloads =
    [
        new RelayedMails("one", "4 KB mails, a connection for each, 50 at a time", sessions: 50, mails: 5000, octets: 4096, isKept: false),
        new RelayedMails("kept", "4 KB mails on 50 kept connections", sessions: 50, mails: 10_000, octets: 4096, isKept: true),
        new RelayedMails("big", "20 MB mails, 4 at a time", sessions: 4, mails: 40, octets: 20_000_000, isKept: false),
        new RelayedMails("at-1", "4 KB mails, a connection for each, one at a time", sessions: 1, mails: 1000, octets: 4096, isKept: false),
        new RelayedMails("at-10", "the same, 10 at a time", sessions: 10, mails: 5000, octets: 4096, isKept: false),
        new RelayedMails("at-100", "the same, 100 at a time", sessions: 100, mails: 5000, octets: 4096, isKept: false),
        new RelayedMails("at-1000", "the same, 1,000 at a time", sessions: 1000, mails: 10_000, octets: 4096, isKept: false),
        new RelayedMails("at-5000", "the same, 5,000 at a time", sessions: 5000, mails: 15_000, octets: 4096, isKept: false),
        new MailsBesideHeld(),
        new KnownClients("known", isRefused: false),
        new KnownClients("known-refused", isRefused: true),
        new MailsIntoPostfix(isReused: false),
        new MailsIntoPostfix(isReused: true),
        new Refusals(),
        new CommandDelay(),
        new Handshakes("handshakes", isResumed: false),
        new Handshakes("resumed", isResumed: true),
        new EncryptedMails(),
        new Starts(),
        new ObservedMails(),
        new ObservedRefusals(),
        new StreamedRefusals(),
        new BannedRefusals(),
        new SharedMails(),
        new SharedGreetings(),
    ];

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var workloads = new Option<string[]>("--workload")
        {
            Description = "Which workloads; all if not given: "
                + string.Join("; ", s_workloads.Select(static workload => $"{workload.Name}, {workload.Summary}")),
            AllowMultipleArgumentsPerToken = true,
        };
        workloads.AcceptOnlyFromAmong([.. s_workloads.Select(static workload => workload.Name)]);
        var rounds = new Option<int>("--rounds")
        {
            Description = "How often each contender has its turn, behind one round that does not count.", DefaultValueFactory = static _ => 5,
        };
        rounds.Validators.Add(static result =>
        {
            if (result.GetValueOrDefault<int>() < 1)
                result.AddError("--rounds: one at least.");
        });
        var json = new Option<FileInfo?>("--json") { Description = "Where the figures are written, too." };
        var command = new Command("speed", "Measures the shield beside HAProxy, nginx, Postfix and nothing in between, in turn.") { workloads, rounds, json };
        command.SetAction((arguments, cancellationToken) => RunAsync(
            arguments.GetValue(workloads) is { Length: > 0 } names ? names : [.. s_workloads.Select(static workload => workload.Name)],
            arguments.GetValue(rounds), arguments.GetValue(json), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(string[] names, int rounds, FileInfo? json, CancellationToken cancellationToken)
    {
        var figures = new List<SpeedFigures>();
        Console.WriteLine(SpeedFigures.Head);
        foreach (var workload in s_workloads.Where(workload => names.Contains(workload.Name)))
        {
            var measured = await MeasureAsync(workload, rounds, cancellationToken);
            figures.AddRange(measured);
            var reference = measured.First(one => one.Contender == workload.Reference);
            foreach (var one in measured)
                Console.WriteLine(one.Row(reference));
        }
        if (json is not null)
            await File.WriteAllTextAsync(json.FullName, JsonSerializer.Serialize(figures, s_json) + "\n", cancellationToken);
        return 0;
    }

    private static async Task<List<SpeedFigures>> MeasureAsync(Workload workload, int rounds, CancellationToken cancellationToken)
    {
        await using var arena = await workload.StartAsync(cancellationToken);
        var samples = arena.Contenders.ToDictionary(static contender => contender, static _ => new List<Sample>());
        for (var round = 0; round <= rounds; round++)
        {
            foreach (var contender in arena.Contenders)
            {
                var (busy, processor) = (Machine.BusyTime, contender.ProcessorTime);
                var sample = await workload.RunAsync(contender, cancellationToken);
                processor = sample.Processor + contender.ProcessorTime - processor;
                // The first one is the compilers' and the caches'.
                if (round > 0)
                    samples[contender].Add(sample with { Processor = processor, Load = Machine.BusyTime - busy - processor });
            }
        }
        return [.. samples.Select(pair => SpeedFigures.Of(workload, pair.Key, pair.Value))];
    }
}
