using System.Collections.Concurrent;
using SmtpShield.Testing.Dialogues;
using SmtpShield.Testing.Outside;

namespace SmtpShield.PostfixTests;

/// <summary>
/// Each dialogue in <c>Dialogues/</c> with a Postfix that has the limits, and with a shield that has them before a Postfix without limits: clients must see the same
/// replies, closes and delays, and the log must say the same. A dialogue that is marked <c>split</c> also runs with one octet per write.
/// </summary>
[Parallelizable(ParallelScope.Children)]
public sealed class DialogueTests
{
    private PostfixInstance? _postfix;

    private static IEnumerable<DialogueFile> Dialogues =>
        Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "Dialogues"), "*.dialogue").Order(StringComparer.Ordinal).Select(DialogueFile.Load);

    private static IEnumerable<TestCaseData> Whole => Dialogues.Select(dialogue => new TestCaseData(dialogue).SetArgDisplayNames(dialogue.Name));

    private static IEnumerable<TestCaseData> Split => Dialogues.Where(dialogue => dialogue.Split).Select(dialogue => new TestCaseData(dialogue).SetArgDisplayNames(dialogue.Name));

    private PostfixInstance Postfix => _postfix ?? throw new InvalidOperationException("Postfix was not started");

    [OneTimeSetUp]
    public async Task StartPostfix()
    {
        RealPostfix.Require();
        // Each run has services of its own, because anvil counts for each service by itself and remembers.
        var services = new List<PostfixService> { new("soft-3", SoftLimit("3")), new("soft-4", SoftLimit("4")) };
        foreach (var dialogue in Dialogues)
        {
            string[] variants = dialogue.Split ? ["whole", "whole-again", "split", "split-again"] : ["whole", "whole-again"];
            services.AddRange(variants.Select(variant => PostfixService.WithoutLimits($"{dialogue.Name}-{variant}-behind", dialogue.Mta)));
            services.AddRange(variants.Concat(["stable", "stable-again"]).Select(variant => new PostfixService($"{dialogue.Name}-{variant}-limited", Union(dialogue.Mta, dialogue.Limits))));
        }
        _postfix = await PostfixInstance.StartAsync(services, TestContext.CurrentContext.CancellationToken);
    }

    [OneTimeTearDown]
    public async Task StopPostfix()
    {
        if (_postfix is not null)
            await _postfix.DisposeAsync();
    }

    [TestCaseSource(nameof(Whole))]
    [CancelAfter(240_000)]
    public Task Run_WholeWrites_SameAsPostfix(DialogueFile dialogue, CancellationToken cancellationToken) => CompareAsync(dialogue, "whole", split: false, cancellationToken);

    [TestCaseSource(nameof(Split))]
    [CancelAfter(240_000)]
    public Task Run_OneOctetPerWrite_SameAsPostfix(DialogueFile dialogue, CancellationToken cancellationToken) => CompareAsync(dialogue, "split", split: true, cancellationToken);

    /// <summary>The oracle must not contradict itself: run this after a change of a dialogue or of the runner.</summary>
    [Test]
    [Explicit("checks the oracle and not the shield")]
    [CancelAfter(600_000)]
    public async Task Run_EveryDialogueWithPostfixTwice_SameTranscripts(CancellationToken cancellationToken)
    {
        var differences = new ConcurrentQueue<string>();
        await Parallel.ForEachAsync(Dialogues, new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = cancellationToken }, async (dialogue, token) =>
        {
            var first = await RunPostfixAsync(dialogue, "stable", split: false, token);
            var second = await RunPostfixAsync(dialogue, "stable-again", split: dialogue.Split, token);
            await TestContext.Out.WriteLineAsync($"{dialogue.Name}\n{string.Join('\n', first.Lines)}\n");
            if (!second.Lines.SequenceEqual(first.Lines))
                differences.Enqueue($"{dialogue.Name}\n{Difference(first, second)}");
        });
        Assert.That(differences, Is.Empty);
    }

    /// <summary>The comparison must be able to fail.</summary>
    [Test]
    [CancelAfter(120_000)]
    public async Task Run_DifferentLimits_DifferentTranscripts(CancellationToken cancellationToken)
    {
        var dialogue = Dialogues.Single(dialogue => dialogue.Name == "soft-limit-3-sleep-2");
        var three = await DialogueRunner.RunAsync(dialogue, Postfix.EndPointOf("soft-3"), Postfix.LogOf("soft-3"), split: false, cancellationToken);
        var four = await DialogueRunner.RunAsync(dialogue, Postfix.EndPointOf("soft-4"), Postfix.LogOf("soft-4"), split: false, cancellationToken);
        Assert.That(four.Texts, Is.EqualTo(three.Texts).AsCollection);
        Assert.That(four.Lines, Is.Not.EqualTo(three.Lines).AsCollection);
    }

    private async Task CompareAsync(DialogueFile dialogue, string variant, bool split, CancellationToken cancellationToken)
    {
        var (expected, actual, seen, limit) = await RunBothAsync(dialogue, variant, split, cancellationToken);
        // A machine that stalls for half a second in a delay makes a difference of one second; a wrong delay is there again the second time.
        if (actual.Texts.SequenceEqual(expected.Texts) && !actual.Entries.SequenceEqual(expected.Entries))
        {
            await TestContext.Progress.WriteLineAsync($"{dialogue.Name}: the delays differed, the dialogue is played again:\n{Difference(expected, actual)}");
            (expected, actual, seen, limit) = await RunBothAsync(dialogue, variant + "-again", split, cancellationToken);
        }
        Assert.Multiple(() =>
        {
            Assert.That(actual.Entries, Is.EqualTo(expected.Entries).AsCollection, () => "what the clients saw:\n" + Difference(expected, actual));
            Assert.That(actual.Log, Is.EqualTo(expected.Log).AsCollection, "what was logged about the session");
            Assert.That(actual.Rejects, Is.EqualTo(expected.Rejects).AsCollection, "what was logged about refused commands");
            foreach (var verb in new[] { "mail", "rcpt", "data", "bdat", "vrfy", "etrn" })
                Assert.That(seen.GetValueOrDefault(verb), Is.LessThanOrEqualTo(limit.GetValueOrDefault(verb)), $"{verb} commands the MTA had to process, compared with a Postfix that has the limits");
        });
    }

    private async Task<(Transcript Expected, Transcript Actual, IReadOnlyDictionary<string, int> Seen, IReadOnlyDictionary<string, int> Limit)> RunBothAsync(
        DialogueFile dialogue, string variant, bool split, CancellationToken cancellationToken)
    {
        var expected = await RunPostfixAsync(dialogue, variant, split, cancellationToken);
        var behind = $"{dialogue.Name}-{variant}-behind";
        await using var shield = await ShieldProcess.StartAsync(Postfix.EndPointOf(behind), dialogue.Limits, cancellationToken);
        var actual = await DialogueRunner.RunAsync(dialogue, shield.EndPoint, shield.Log, split, cancellationToken);
        await shield.StopAsync(cancellationToken);
        var log = Postfix.LogOf(behind);
        await log.WaitForQuietAsync(cancellationToken);
        return (expected, actual, log.CommandsSeen(), Postfix.LogOf($"{dialogue.Name}-{variant}-limited").CommandsSeen());
    }

    private Task<Transcript> RunPostfixAsync(DialogueFile dialogue, string variant, bool split, CancellationToken cancellationToken)
    {
        var service = $"{dialogue.Name}-{variant}-limited";
        return DialogueRunner.RunAsync(dialogue, Postfix.EndPointOf(service), Postfix.LogOf(service), split, cancellationToken);
    }

    private static string Difference(Transcript expected, Transcript actual) =>
        $"--- expected (Postfix with the limits)\n{string.Join('\n', expected.Lines)}\n--- actual (the shield with the limits)\n{string.Join('\n', actual.Lines)}\n---";

    private static Dictionary<string, string> SoftLimit(string limit) => new() { ["smtpd_soft_error_limit"] = limit, ["smtpd_error_sleep_time"] = "2s" };

    private static Dictionary<string, string> Union(IReadOnlyDictionary<string, string> first, IReadOnlyDictionary<string, string> second)
    {
        var union = new Dictionary<string, string>(first);
        foreach (var (name, value) in second)
            union[name] = value;
        return union;
    }
}
